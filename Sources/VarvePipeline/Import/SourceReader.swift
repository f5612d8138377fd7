// SPDX-License-Identifier: Apache-2.0

import SystemPackage
import VarveModel
import VarveVault

/// Reads the items of files, whatever their form, and hands each out in canonical form.
struct SourceReader {
    let schema: KeySchema
    let progress: Progress
    let stop: StopSignal

    func read(_ sources: [ImportSource], _ body: (UnsafeRawBufferPointer) throws -> Void) throws -> ImportResult {
        var items = 0
        var rawBytes = 0
        var canonicalizer = Canonicalizer()
        var canonical: [UInt8] = []
        /// Hands on the first of `spellings` that is an item.
        func take(_ spellings: [UnsafeRawBufferPointer]) throws {
            if items % 1024 == 0 { try stop.check() }
            var refused: (any Error)?
            for json in spellings {
                do {
                    canonical.removeAll(keepingCapacity: true)
                    try canonicalizer.canonicalize(json, into: &canonical)
                    refused = nil
                    break
                } catch {
                    refused = refused ?? error
                }
            }
            if let refused { throw refused }
            try canonical.withUnsafeBytes(body)
            items += 1
            rawBytes += canonical.count
            progress.add(items: 1, rawBytes: canonical.count)
        }
        for source in sources {
            do {
                switch source {
                case .lines(let file): try readLines(file, take)
                case .export(let folder): try readExport(folder, take)
                case .csv(let file, let delimiter): try readCSV(file, delimiter, take)
                }
            } catch let error as VaultError {
                throw ImportError.invalid("\(source) cannot be imported.", cause: error)
            }
        }
        return ImportResult(items: items, rawBytes: rawBytes)
    }

    private typealias Take = ([UnsafeRawBufferPointer]) throws -> Void

    private func readLines(_ file: FilePath, _ take: Take) throws {
        var number = 0
        try LineReader.forEachLine(of: file) { line in
            number += 1
            do {
                try take(Self.spellings(line))
            } catch let error as ModelError {
                throw ImportError.invalid(
                    "Line \(number) of \(ImportSource.lines(file)) holds no valid item of the table.", cause: error)
            }
        }
    }

    /// What a line can mean: the item in an envelope `{"Item":{…}}`, as exports write it, or else a bare item.
    private static func spellings(_ line: UnsafeRawBufferPointer) -> [UnsafeRawBufferPointer] {
        guard let item = EnvelopedItem.find(in: line) else { return [line] }
        return [item, line]
    }

    private func readExport(_ folder: FilePath, _ take: Take) throws {
        try NativeExport(folder).forEachLine { line in
            guard let item = EnvelopedItem.find(in: line) else {
                throw ImportError.malformed(
                    "A data file of the export in '\(folder)' has a line that is no export line.")
            }
            do {
                try take([item])
            } catch let error as ModelError {
                throw ImportError.invalid(
                    "A data file of the export in '\(folder)' has a line without a valid item of the table.",
                    cause: error)
            }
        }
    }

    private func readCSV(_ file: FilePath, _ delimiter: UInt8, _ take: Take) throws {
        var parser = CSVParser(delimiter: delimiter)
        var items = CSVItems(schema: schema)
        func record(_ fields: [[UInt8]], _ number: Int) throws {
            guard let item = try items.item(fields, number: number) else { return }
            do {
                try item.bytes.withUnsafeBytes { try take([$0]) }
            } catch let error as ModelError {
                throw ImportError.invalid(
                    "CSV record \(number) of \(file) makes no valid item of the table.", cause: error)
            }
        }
        var number = 0
        try LineReader.forEachBlock(of: file) { block in
            try parser.feed(block) { fields in
                number += 1
                try record(fields, number)
            }
        }
        try parser.finish { fields in
            number += 1
            try record(fields, number)
        }
        guard number > 0 else { throw ImportError.malformed("\(file) is empty: CSV begins with a header line.") }
    }
}
