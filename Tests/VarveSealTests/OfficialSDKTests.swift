// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation
import SystemPackage
import Testing
import VarveSeal
import VarveTestKit

/// The AWS Encryption SDK for Python opens what Varve seals, and the other way round.
@Suite struct OfficialSDKTests {
    struct Key: Codable {
        var namespace: String
        var name: String
        var hex: String

        init(_ key: RawAESKey) {
            namespace = key.namespace
            name = key.name
            hex = key.key.withUnsafeBytes { $0.map { String(format: "%02x", $0) }.joined() }
        }
    }
    struct Job: Codable {
        var `do`: String
        var message: String
        var plaintext: String
        var keys: [Key]
        var context: [String: String]?
        var frameBytes: Int?
    }
    struct Outcome: Codable {
        var context: [String: String]?
        var algorithm: String?
        var error: String?
    }

    struct Case {
        var name: String
        var plaintext: [UInt8]
        var frameBytes: Int
        var context: EncryptionContext
        var keys: [RawAESKey]
    }

    static let cases: [Case] = {
        let one = [Samples.key]
        return [
            Case(name: "empty", plaintext: [], frameBytes: 4096, context: [:], keys: one),
            Case(
                name: "one short frame", plaintext: Samples.text(100), frameBytes: 65_536, context: Samples.context,
                keys: one),
            Case(
                name: "exact frames", plaintext: Samples.text(3 * 4096), frameBytes: 4096, context: Samples.context,
                keys: one),
            Case(
                name: "many frames", plaintext: Samples.text(1_000_003), frameBytes: 1000,
                context: ["b": "2", "a": "1", "ä": "non-ascii"], keys: one),
            Case(
                name: "whole frames of 64 KiB and a rest", plaintext: Samples.text(5 * 65_536 + 1), frameBytes: 65_536,
                context: Samples.context, keys: one),
            Case(
                name: "two recipients", plaintext: Samples.text(50_000), frameBytes: 8192, context: Samples.context,
                keys: [Samples.key, Samples.other]),
        ]
    }()

    /// Runs jobs in one Python process; where there is no Python with the SDK, the test is skipped and says why.
    static func run(_ jobs: [Job]) throws -> [Outcome] {
        let python: FilePath
        do {
            python = try PythonEnvironment.interpreter()
        } catch let error as TestKitError {
            try Test.cancel("\(error)")
        }
        let result = try ChildProcess.run(
            python, [try Samples.fixturePath("envelope.py").string], input: Array(try JSONEncoder().encode(jobs)))
        #expect(result.exitCode == 0, "\(result.errorText)")
        return try JSONDecoder().decode([Outcome].self, from: Data(result.output))
    }

    @Test func `the official SDK opens messages of Varve with each recipient's key`() throws {
        let folder = try TemporaryFolder()
        var jobs: [Job] = []
        var expected: [Case] = []
        for item in Self.cases {
            let message = try Message.seal(
                item.plaintext, context: item.context, recipients: item.keys, frameBytes: item.frameBytes)
            for key in item.keys {
                let path = try folder.write("\(jobs.count).esdk", message)
                jobs.append(
                    Job(do: "open", message: path.string, plaintext: path.string + ".out", keys: [Key(key)]))
                expected.append(item)
            }
        }
        let outcomes = try Self.run(jobs)
        try #require(outcomes.count == expected.count)
        for ((job, outcome), item) in zip(zip(jobs, outcomes), expected) {
            #expect(outcome.error == nil, "\(item.name)")
            #expect(outcome.algorithm == "AES_256_GCM_HKDF_SHA512_COMMIT_KEY", "\(item.name)")
            let context = Dictionary(uniqueKeysWithValues: item.context.pairs.map { ($0.name, $0.value) })
            #expect(outcome.context == context, "\(item.name)")
            let opened = try Data(contentsOf: URL(fileURLWithPath: job.plaintext))
            #expect(Array(opened) == item.plaintext, "\(item.name)")
        }
    }

    @Test func `the official SDK refuses messages of Varve that were damaged`() throws {
        let folder = try TemporaryFolder()
        let message = try Message.seal(
            Samples.text(100), context: Samples.context, recipients: [Samples.key], frameBytes: 64)
        var header = message
        header[40] ^= 1
        var frame = message
        frame[frame.count - 1] ^= 1
        let jobs = try [header, frame, Array(message.dropLast())].enumerated().map { index, bytes in
            let path = try folder.write("\(index).esdk", bytes)
            return Job(do: "open", message: path.string, plaintext: path.string + ".out", keys: [Key(Samples.key)])
        }
        let outcomes = try Self.run(jobs)
        #expect(outcomes.count == 3)
        #expect(outcomes.allSatisfy { $0.error != nil })
    }

    @Test func `Varve opens messages of the official SDK`() throws {
        let folder = try TemporaryFolder()
        let jobs = try Self.cases.enumerated().map { index, item in
            let path = try folder.write("\(index).txt", item.plaintext)
            return Job(
                do: "seal", message: path.string + ".esdk", plaintext: path.string, keys: item.keys.map(Key.init),
                context: Dictionary(uniqueKeysWithValues: item.context.pairs.map { ($0.name, $0.value) }),
                // It seals only frames of a multiple of 128 bytes.
                frameBytes: (item.frameBytes + 127) / 128 * 128)
        }
        let outcomes = try Self.run(jobs)
        try #require(outcomes.count == Self.cases.count)
        for ((job, outcome), item) in zip(zip(jobs, outcomes), Self.cases) {
            try #require(outcome.error == nil, "\(item.name)")
            let message = Array(try Data(contentsOf: URL(fileURLWithPath: job.message)))
            for key in item.keys {
                let (plaintext, _) = try Message.open(message, keys: [key], expecting: item.context)
                #expect(plaintext == item.plaintext, "\(item.name)")
            }
        }
    }
}
