// swift-tools-version: 6.3
// SPDX-License-Identifier: Apache-2.0

import PackageDescription

/// One set of rules for every target. Each line names the proposal that describes it.
let settings: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),  // SE-0335
    .enableUpcomingFeature("InternalImportsByDefault"),  // SE-0409
    .enableUpcomingFeature("MemberImportVisibility"),  // SE-0444
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),  // SE-0461
    .enableUpcomingFeature("InferIsolatedConformances"),  // SE-0470
    .treatAllWarnings(as: .error),  // SE-0443
]

let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let system = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

/// A room of the house. What each may import is checked by TidyTests; Documentation/Architecture.md shows the picture.
func room(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .target(name: name, dependencies: dependencies + [system], swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency], resources: [Resource] = []) -> Target {
    .testTarget(
        name: name, dependencies: dependencies + ["VarveTestKit", system], resources: resources, swiftSettings: settings
    )
}

let package = Package(
    name: "varve",
    products: [.executable(name: "varve", targets: ["varve"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    ],
    targets: [
        .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
        room("VarveModel", []),
        room("VarveSeal", [crypto]),
        room("VarveKeys", ["VarveModel", "VarveSeal", crypto, cryptoExtras]),
        room(
            "VarveStore",
            ["VarveModel", "VarveSeal", "VarveKeys", crypto, .product(name: "GRDB", package: "GRDB.swift")]),
        room("VarveVault", ["VarveModel", "VarveSeal", "VarveKeys", "CArchive", crypto]),
        room("VarveSchedule", ["VarveModel"]),
        room("VarvePipeline", ["VarveModel", "VarveSeal", "VarveKeys", "VarveStore", "VarveVault", "VarveSchedule"]),
        room("VarveConfig", ["VarveModel", "VarveSchedule", "Yams"]),
        room(
            "VarveCLI",
            [
                "VarveModel", "VarveSeal", "VarveKeys", "VarveStore", "VarveVault", "VarvePipeline", "VarveConfig",
                "VarveSchedule",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ]),
        .executableTarget(name: "varve", dependencies: ["VarveCLI"], swiftSettings: settings),

        .target(name: "VarveTestKit", dependencies: [system], path: "Tests/VarveTestKit", swiftSettings: settings),
        .executableTarget(
            name: "TransferLoad", dependencies: ["VarveModel", "VarveKeys", "VarveStore", system],
            path: "Tests/TransferLoad", swiftSettings: settings),
        .executableTarget(
            name: "VarveFuzz",
            dependencies: [
                "VarveModel", "VarveSeal", "VarveKeys", "VarveVault", "VarveSchedule", "VarveConfig", crypto, system,
            ],
            path: "Tests/VarveFuzz", exclude: ["Corpus"], swiftSettings: settings),
        tests("TidyTests", []),
        tests("VarveModelTests", ["VarveModel"], resources: [.copy("Fixtures")]),
        tests("VarveSealTests", ["VarveSeal", crypto], resources: [.copy("Fixtures")]),
        tests("VarveKeysTests", ["VarveKeys", "VarveSeal", crypto], resources: [.copy("Fixtures")]),
        tests("VarveStoreTests", ["VarveStore", "VarveKeys", "VarveModel"]),
        tests(
            "VarveVaultTests", ["VarveVault", "VarveKeys", "VarveSeal", "VarveModel", crypto],
            resources: [.copy("Fixtures")]),
        tests("VarveScheduleTests", ["VarveSchedule", "VarveModel"], resources: [.copy("Fixtures")]),
        tests(
            "VarvePipelineTests",
            [
                "VarvePipeline", "VarveVault", "VarveStore", "VarveKeys", "VarveSeal", "VarveModel", "VarveSchedule",
                crypto,
            ]),
        tests("VarveConfigTests", ["VarveConfig", "VarveSchedule"]),
        tests(
            "VarveCLITests",
            ["VarvePipeline", "VarveVault", "VarveStore", "VarveKeys", "VarveSeal", "VarveModel", crypto]),
        tests("VarveFuzzTests", []),
    ]
)
