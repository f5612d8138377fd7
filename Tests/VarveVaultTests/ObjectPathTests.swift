// SPDX-License-Identifier: Apache-2.0

import Testing
import VarveVault

@Suite struct ObjectPathTests {
    @Test(arguments: [
        "vault.json", "a/b/c", "tables/Music~id/snapshots/20261123T100000Z~ab/000001.tar.esdk", "tables/.hidden~id/x",
        "tables/..almost/x", "a b", String(repeating: "x", count: 255),
    ])
    func `a path that stays in the vault is taken`(text: String) throws {
        #expect(try ObjectPath(text).text == text)
    }

    @Test(arguments: [
        "", "/", "/etc/passwd", "a/", "a//b", "..", "../x", "a/../b", "a/..", ".", "./a", "a/./b", ".tmp/x", "a\\b",
        "a\nb",
        "a\u{0}b", "a\u{7F}", String(repeating: "x", count: 256),
        Array(repeating: "abcdefgh", count: 120).joined(separator: "/"),
    ])
    func `a path that could leave the vault, or no storage takes, is refused`(text: String) {
        #expect(code { _ = try ObjectPath(text) } == .invalidPath)
    }

    @Test func `folder, name and parts of a path`() throws {
        let path = try ObjectPath("a/b/c.json")
        #expect(path.folder == "a/b")
        #expect(path.name == "c.json")
        #expect(path.parts == ["a", "b", "c.json"])
        #expect(try ObjectPath("x").folder == "")
    }
}
