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
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
        .package(url: "https://github.com/apple/swift-configuration", from: "1.4.0", traits: ["YAML"]),
        .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/groue/GRDB.swift", from: "7.10.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2", traits: []),
    ],
    targets: [
        .target(name: "CLinux"),
        .target(name: "Linux", dependencies: ["CLinux"]),
        .testTarget(name: "LinuxTests", dependencies: ["Linux"]),
    ]
)

for target in package.targets where target.type != .system && target.type != .plugin {
    target.swiftSettings = (target.swiftSettings ?? []) + shared
}
