// The configuration: any file is settings or problems that can be told, and a key in it is never told.

import Foundation

@testable import vizd

extension FuzzTarget {
    private static let key = "key_a1b2c3d4e5f6a7b8c9d0"

    /// `vizd.conf`.
    static let settings = FuzzTarget(
        "settings", executions: 1_500,
        seeds: [
            "spool.dir: /a\nspool:\n  settle: 500ms\nlimits:\n  inFlight: 7\n",
            "provider: flatlay\nbudget.monthly: 10.5\n",
            "runway.apiKey: \(key)\nrunway.baseUrl: https://x.test\n", "wardrobe.allowedHosts: [a.test, b.test]\n",
            "s3:\n  bucketName: b\n  region: r\nstorage.type: s3\n", "a: &x [1]\nb: [*x, *x]\n",
            "log.level: debug # x\n",
        ],
        words: SettingsTable.all.map { "\($0.key): " } + [
            "\n", ": ", "  ", "\t", "- ", "[", "]", "{", "}", "&a", "*a", "!!binary", "|\n", ">\n", "---\n", "...\n",
            "'", "\"",
            "64MiB", "20s", "1e309", "-1", "9223372036854775808", "0x10", "null", "~", "true", "\u{FEFF}",
            "%YAML 9.9\n",
        ]
    ) { bytes in
        let world = SettingsWorld(environment: [:], credentialsDirectory: nil) { path in
            path == "/etc/vizd/vizd.conf" ? .contents(bytes) : .absent
        }
        let loaded = SettingsLoader.load(
            path: nil, world: world, capabilities: Capabilities(providers: ["flatlay"], storageTypes: [.local, .s3]))
        try hold((loaded.settings == nil) == !loaded.problems.isEmpty, "neither settings nor problems, or both")
        for text in loaded.problems.map(\.description) + loaded.notices {
            try hold(!text.contains(key), "a key is told: \(text)")
            // The operator's own file is quoted as it is, marks that nobody sees included; no line is broken by it.
            try hold(
                !text.utf8.contains { $0 < 0x20 || $0 == 0x7F }, "a sentence that breaks: \(text.debugDescription)")
        }
        for setting in loaded.effective { try hold(!"\(setting)".contains(key), "a key is shown: \(setting)") }
    }
}
