# SPDX-License-Identifier: Apache-2.0
"""Opens and seals messages with the AWS Encryption SDK for Python, for the tests of VarveSeal.

Reads a JSON list of jobs from standard input and writes a JSON list of results to standard output, one for each:

    {"do": "open", "message": FILE, "plaintext": FILE, "keys": [KEY]}              writes the plaintext
    {"do": "seal", "message": FILE, "plaintext": FILE, "keys": [KEY, ...],         writes the message
     "context": {...}, "frameBytes": N}

A KEY is {"namespace": ..., "name": ..., "hex": ...}. A result is {"context": {...}, "algorithm": ...} or {"error": ...}.
"""

import json
import sys

import aws_encryption_sdk
from aws_cryptographic_material_providers.mpl import AwsCryptographicMaterialProviders
from aws_cryptographic_material_providers.mpl.config import MaterialProvidersConfig
from aws_cryptographic_material_providers.mpl.models import (
    AesWrappingAlg,
    CreateMultiKeyringInput,
    CreateRawAesKeyringInput,
)
from aws_encryption_sdk import CommitmentPolicy
from aws_encryption_sdk.identifiers import Algorithm

providers = AwsCryptographicMaterialProviders(config=MaterialProvidersConfig())
client = aws_encryption_sdk.EncryptionSDKClient(commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)


def keyring(keys):
    rings = [
        providers.create_raw_aes_keyring(
            input=CreateRawAesKeyringInput(
                key_namespace=key["namespace"],
                key_name=key["name"],
                wrapping_key=bytes.fromhex(key["hex"]),
                wrapping_alg=AesWrappingAlg.ALG_AES256_GCM_IV12_TAG16,
            )
        )
        for key in keys
    ]
    if len(rings) == 1:
        return rings[0]
    return providers.create_multi_keyring(input=CreateMultiKeyringInput(generator=rings[0], child_keyrings=rings[1:]))


def run(job):
    if job["do"] == "open":
        with open(job["message"], "rb") as source, open(job["plaintext"], "wb") as target:
            with client.stream(mode="d", source=source, keyring=keyring(job["keys"])) as stream:
                header = stream.header
                for part in stream:
                    target.write(part)
    else:
        with open(job["plaintext"], "rb") as source, open(job["message"], "wb") as target:
            with client.stream(
                mode="e",
                source=source,
                keyring=keyring(job["keys"]),
                encryption_context=job["context"],
                frame_length=job["frameBytes"],
                algorithm=Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY,
            ) as stream:
                for part in stream:
                    target.write(part)
                header = stream.header
    return {"context": header.encryption_context, "algorithm": header.algorithm.name}


results = []
for job in json.load(sys.stdin):
    try:
        results.append(run(job))
    except Exception as error:  # every refusal is a result here
        results.append({"error": "%s: %s" % (type(error).__name__, error)})
json.dump(results, sys.stdout)
