// swift-tools-version: 6.2
import PackageDescription

/// Settings that every target of ours shares: Swift 6 mode comes with the tools version. Warnings are errors in the
/// gate (`scripts/check` sets VIZD_STRICT), not for somebody who builds with a newer compiler than ours.
let shared: [SwiftSetting] =
    [
        .enableUpcomingFeature("ExistentialAny"),
        .enableUpcomingFeature("InternalImportsByDefault"),
        .enableUpcomingFeature("MemberImportVisibility"),
        .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    ] + (Context.environment["VIZD_STRICT"] == nil ? [] : [.treatAllWarnings(as: .error)])

let package = Package(
    name: "vizd",
    products: [
        // Preloaded into vizd by the crash suite; linked into nothing.
        .library(name: "CrashShim", type: .dynamic, targets: ["CrashShim"]),
        // Preloaded into image workers by their tests; linked into nothing.
        .library(name: "Intruder", type: .dynamic, targets: ["Intruder"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0"),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
    ],
    targets: [
        // The program.
        .executableTarget(
            name: "vizd",
            dependencies: [
                "Contract", "Digest", "Imaging", "Ledger", "Linux", "Pipeline", "Providers", "Spool", "Transfer",
                "Wardrobe",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Configuration", package: "swift-configuration"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "Yams", package: "Yams"),
            ]),
        .executableTarget(name: "vizd-image", dependencies: ["CVipsShim", "ImagingWire", "Linux"]),

        // The work.
        .target(
            name: "Pipeline",
            dependencies: [
                "Contract", "Digest", "Imaging", "Ledger", "Linux", "Providers", "Transfer", "Wardrobe",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(name: "Providers", dependencies: ["Contract", "Linux", "Transfer"]),
        .target(name: "Wardrobe", dependencies: ["Contract", "Digest", "Linux", "Transfer"]),
        .target(name: "Imaging", dependencies: ["ImagingWire", "Linux"]),
        .target(name: "ImagingWire"),

        // Where it comes from and what is known of it.
        .target(
            name: "Spool",
            dependencies: [
                "Linux",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(
            name: "Ledger",
            dependencies: [
                "Contract", "Linux",
                .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ]),
        .target(name: "Contract"),

        // The machine.
        .target(name: "Linux", dependencies: ["CLinux"]),
        .target(
            name: "Transfer",
            dependencies: [
                "CCurl", "Linux",
                .product(name: "DequeModule", package: "swift-collections"),
                .product(name: "HeapModule", package: "swift-collections"),
            ]),
        .target(name: "Digest", dependencies: ["CCrypto"]),
        .target(name: "CLinux"),
        .target(name: "CVipsShim", dependencies: ["CVips", "CZimg"]),
        .systemLibrary(name: "CVips", pkgConfig: "vips", providers: [.apt(["libvips-dev"])]),
        .systemLibrary(name: "CZimg", pkgConfig: "zimg", providers: [.apt(["libzimg-dev"])]),
        .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),

        // Tests, a folder a target.
        .target(
            name: "TestSupport",
            dependencies: ["CLinux", "Contract", "Ledger", "Linux", "RunwaySimulator", "ServiceSimulator"],
            path: "Tests/TestSupport", exclude: ["s3_referee.py"]),
        .target(name: "LoopbackServer", path: "Tests/LoopbackServer"),
        .target(
            name: "RunwaySimulator", dependencies: ["Contract", "Digest", "LoopbackServer"],
            path: "Tests/RunwaySimulator"),
        // Hosted services that make pictures by tasks: the engine, and what each of them speaks.
        .target(
            name: "ServiceSimulator", dependencies: ["Contract", "Digest", "LoopbackServer", "RunwaySimulator"],
            path: "Tests/ServiceSimulator"),
        .target(
            name: "FashnSimulator",
            dependencies: ["Contract", "LoopbackServer", "RunwaySimulator", "ServiceSimulator"],
            path: "Tests/FashnSimulator"),
        .target(
            name: "BFLSimulator",
            dependencies: ["Contract", "LoopbackServer", "RunwaySimulator", "ServiceSimulator"],
            path: "Tests/BFLSimulator"),
        .executableTarget(
            name: "runway-simulator",
            dependencies: [
                "RunwaySimulator", .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ], path: "Tests/runway-simulator-program"),
        .target(
            name: "OpenAISimulator", dependencies: ["Contract", "Digest", "LoopbackServer", "RunwaySimulator"],
            path: "Tests/OpenAISimulator"),
        // The crash suite: a shim that is preloaded into vizd, the workloads and invariants, the program.
        .target(
            name: "CrashShim", path: "Tests/CrashShim",
            linkerSettings: [.linkedLibrary("dl"), .linkedLibrary("pthread")]),
        .target(
            name: "Intruder", path: "Tests/Intruder",
            linkerSettings: [.linkedLibrary("dl"), .linkedLibrary("pthread")]),
        .target(
            name: "CrashSuite",
            dependencies: [
                "CPowerCut", "Contract", "Digest", "Imaging", "Linux", "RunwaySimulator", "TestSupport",
            ], path: "Tests/CrashSuite"),
        .executableTarget(
            name: "vizd-crash",
            dependencies: ["CrashSuite", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/crash-program"),
        .target(name: "CPowerCut", path: "Tests/CPowerCut"),
        .executableTarget(
            name: "vizd-powercut",
            dependencies: ["CrashSuite", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/powercut-program"),
        .executableTarget(
            name: "vizd-soak",
            dependencies: ["CrashSuite", .product(name: "ArgumentParser", package: "swift-argument-parser")],
            path: "Tests/soak-program"),
        .testTarget(name: "ContractTests", dependencies: ["Contract"], exclude: ["Examples"]),
        .testTarget(name: "DigestTests", dependencies: ["Digest"]),
        .testTarget(name: "HouseTests"),
        .testTarget(
            name: "ImagingTests", dependencies: ["Imaging", "ImagingWire", "Linux", "Providers", "TestSupport"],
            exclude: ["Images"]),
        .testTarget(
            name: "LedgerTests",
            dependencies: ["Ledger", "Contract", "TestSupport", .product(name: "GRDB", package: "GRDB.swift")]),
        .testTarget(name: "LinuxTests", dependencies: ["Linux"]),
        .testTarget(
            name: "PipelineTests",
            dependencies: [
                "Pipeline", "Contract", "Digest", "Imaging", "Ledger", "Linux", "Providers", "TestSupport", "Transfer",
                "Wardrobe",
                .product(name: "GRDB", package: "GRDB.swift"),
            ]),
        .testTarget(
            name: "ProvidersTests",
            dependencies: [
                "Providers", "BFLSimulator", "Contract", "FashnSimulator", "Linux", "OpenAISimulator",
                "RunwaySimulator", "ServiceSimulator", "TestSupport", "Transfer", "vizd",
            ], exclude: ["Prompts"]),
        .testTarget(
            name: "RunwaySimulatorTests",
            dependencies: ["RunwaySimulator", "Contract", "LoopbackServer", "TestSupport", "runway-simulator"],
            exclude: ["runway_cases.json", "client.py"]),
        .testTarget(
            name: "ServiceSimulatorTests",
            dependencies: ["BFLSimulator", "FashnSimulator", "RunwaySimulator", "ServiceSimulator", "TestSupport"],
            exclude: ["client.py"]),
        .testTarget(
            name: "ExecTests",
            dependencies: ["Providers", "Contract", "Linux", "LoopbackServer", "TestSupport", "Transfer", "vizd"]),
        .testTarget(
            name: "OpenAISimulatorTests", dependencies: ["OpenAISimulator", "RunwaySimulator", "TestSupport"],
            exclude: ["client.py"]),
        .testTarget(
            name: "TransferTests", dependencies: ["Transfer", "Linux", "LoopbackServer", "TestSupport"],
            exclude: ["bad_server.py"]),
        .testTarget(name: "SpoolTests", dependencies: ["Spool", "Linux"]),
        // All test targets are one program: what these tell a sanitizer holds for all of them.
        .target(name: "Sanitizers", path: "Tests/Sanitizers"),
        .testTarget(name: "SanitizerTests", dependencies: ["Sanitizers", "Linux"]),
        .testTarget(
            name: "WardrobeTests",
            dependencies: ["Wardrobe", "Contract", "Digest", "Linux", "LoopbackServer", "TestSupport", "Transfer"],
            exclude: ["Records"]),
        .testTarget(
            name: "vizdTests",
            dependencies: [
                "vizd", "Contract", "Digest", "Imaging", "Ledger", "Linux", "Pipeline", "Providers", "Spool",
                "TestSupport", "Transfer", "Wardrobe",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
            ], exclude: ["terminal.py"]),
        .testTarget(
            name: "EndToEndTests",
            dependencies: [
                "BFLSimulator", "Contract", "CrashSuite", "Digest", "FashnSimulator", "Ledger", "Linux",
                "LoopbackServer", "OpenAISimulator", "RunwaySimulator", "ServiceSimulator", "TestSupport", "vizd",
                "vizd-image",
            ]),
    ]
)

// Fuzzing: a test target that replays and mutates. With VIZD_FUZZ (scripts/fuzz) the same files are a program around
// libFuzzer instead, which needs neither the journal's library nor the daemon's.
let fuzzed: [Target.Dependency] = [
    "Contract", "Imaging", "ImagingWire", "Linux", "Providers", "Spool", "Transfer", "Wardrobe",
]
if Context.environment["VIZD_FUZZ"] == nil {
    package.targets.append(
        .testTarget(
            name: "FuzzingTests",
            dependencies: fuzzed + [
                "TestSupport", "vizd", "vizd-image",
            ], exclude: ["Corpora", "Program", "Suites/json_referee.py"]))
} else {
    package.targets += [
        .target(name: "CFuzzer", path: "Tests/CFuzzer"),
        .executableTarget(
            name: "vizd-fuzz", dependencies: fuzzed + ["CFuzzer"], path: "Tests/FuzzingTests",
            exclude: ["Corpora", "Suites"]),
    ]
}

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = (target.swiftSettings ?? []) + shared
}
