// SPDX-License-Identifier: Apache-2.0

/// `README.txt` in every vault: how to open everything there without Varve.
///
/// What stands between lines of three backquotes are commands; VaultReadmeTests runs them as they stand.
package enum VaultReadme {
    static let path = "README.txt"
    /// A page and a script.
    static let bytesMax = 1024 * 1024

    package static let text = #"""
        This folder is a Varve vault: backups of tables that have the data model of Amazon DynamoDB.
        ============================================================================================

        Everything in it opens with public tools; you do not need Varve. The commands, between the lines
        of three backquotes, can be pasted into a shell as they are. You need one of two secrets, neither
        of which is in here:

          A  the key of one snapshot, as 'varve key export SNAPSHOT-ID' printed it, or
          B  the recovery kit, which 'varve init' made and somebody put into a safe place. It opens
             every snapshot.

        What lies where
        ---------------

          tables/<table>~<id>/snapshots/<time>~<id>/   one snapshot: bundles (*.tar.esdk), and
                                                       manifest.json, which describes them
          tables/<table>~<id>/sweeps/<time>~<id>/      expired items, archived before they were deleted;
                                                       outcome.json says what was deleted
          tables/<table>~<id>/log/<day>/<time>~<id>/   one segment of the table's change log: bundles like
                                                       a snapshot's, with a line for each change
          catalog/<year>/<month>/<time>~<id>.json      a second copy of each manifest
          keys/<key id>/<n>.key                        the sealed key of one snapshot; where there are
                                                       several, the highest number counts

        A bundle is one message of the AWS Encryption SDK (AES-256-GCM, 64 KiB frames); inside is a tar
        archive. All bundles of a snapshot, unpacked into one folder, are one native DynamoDB export:
        AWSDynamoDB/<export id>/data/*.json.zst, with a line {"Item":{...}} for each item, beside
        manifest-files.json with the MD5 and the number of items of each file. Put the data folder into
        an S3 bucket, and DynamoDB's import from S3 takes it (format DynamoDB JSON, compression ZSTD).
        manifest.json names the table's keys and indexes under "description".

        A segment opens by the same commands. Its lines are those of an incremental export,
        {"Metadata":{...},"Keys":{...},"NewImage":{...},"OldImage":{...}}, one for each change in order;
        without NewImage the item was deleted. To have a table as it was at some time, take the newest
        snapshot before it, then the changes of all later segments in the order of their names, as far
        as "WriteTimestampMicros" is not after that time: the last one of each key counts. In each
        manifest "log" says which stretch the segment holds; where one does not begin with the position
        at which the one before it ended, changes are missing.

        1. Install the tools (once)
        ---------------------------

        Python 3.11 or newer with venv, tar and zstd (Debian: apt install python3-venv tar zstd), and the
        AWS Encryption SDK:

        ```
        python3 -m venv varve-open
        varve-open/bin/pip install --quiet 'aws-encryption-sdk[MPL]==4.0.7'
        ```

        2. Write this script into open.py
        ---------------------------------

        ```
        cat > open.py <<'END'
        import hashlib, json, pathlib, sys
        import aws_encryption_sdk
        from aws_encryption_sdk import CommitmentPolicy
        from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
        from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
        from aws_cryptographic_material_providers.mpl.models import AesWrappingAlg, CreateRawAesKeyringInput

        def unseal(secret, source, target, context):
            providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
            keyring = providers.create_raw_aes_keyring(input=CreateRawAesKeyringInput(
                key_namespace=secret["namespace"], key_name=secret["name"], wrapping_key=bytes.fromhex(secret["hex"]),
                wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16))
            client = aws_encryption_sdk.EncryptionSDKClient(
                commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
            with client.stream(mode="d", source=source, keyring=keyring) as message:
                found = {name: message.header.encryption_context.get(name) for name in context}
                if found != context:
                    sys.exit(f"This message belongs elsewhere: it says {found} and should say {context}.")
                for part in message:
                    target.write(part)

        vault, snapshot, secret_file, folder = map(pathlib.Path, sys.argv[1:5])
        manifest = json.loads((vault / snapshot / "manifest.json").read_bytes())["manifest"]
        secret = json.loads(secret_file.read_bytes())
        if "escrow" in secret:
            key_id = manifest["key"]["id"]
            key_file = max((vault / "keys" / key_id).glob("*.key"), key=lambda file: int(file.stem))
            sealed_key = folder / "snapshot.key"
            with open(key_file, "rb") as source, open(sealed_key, "wb") as target:
                unseal(secret["escrow"], source, target, {"varve:origin": manifest["origin"], "varve:key": key_id})
            secret = {"namespace": "varve", "name": key_id, "hex": sealed_key.read_bytes().hex()}
            sealed_key.unlink()
        for bundle in manifest["bundles"]:
            name = bundle["name"]
            with open(vault / snapshot / name, "rb") as source:
                if hashlib.file_digest(source, "sha256").hexdigest() != bundle["sha256"]:
                    sys.exit(f"{name} is damaged.")
                source.seek(0)
                with open(folder / name.removesuffix(".esdk"), "wb") as target:
                    unseal(secret, source, target, {
                        "varve:origin": manifest["origin"], "varve:table": manifest["table"]["id"],
                        "varve:snapshot": manifest["id"], "varve:bundle": name})
            print(name, bundle["items"], "items")
        END
        ```

        3. Say what to open
        -------------------

        Set VAULT to this folder, SNAPSHOT to the folder of one snapshot, sweep or segment in it, such as
        tables/Music~k3l.../snapshots/20261123T100000Z~ab2..., and SECRET to the file with secret A or B.
        This line says what is not set:

        ```
        : "${VAULT:?the folder with this file}" "${SNAPSHOT:?a folder below it}" "${SECRET:?the file with secret A or B}"
        ```

        4. Open, unpack, read
        ---------------------

        ```
        mkdir opened
        varve-open/bin/python open.py "$VAULT" "$SNAPSHOT" "$SECRET" opened
        for bundle in opened/*.tar; do tar -x -f "$bundle" -C opened; done
        zstd -d -c opened/AWSDynamoDB/*/data/*.json.zst > items.jsonl
        ```

        items.jsonl now has one line {"Item":{...}} for each item of the table, or one for each change.

        """#
}
