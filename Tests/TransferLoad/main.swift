print("transfer load")
