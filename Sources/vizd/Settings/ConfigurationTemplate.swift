// etc/vizd.conf, written from the table of settings: every key, commented out, with its default, unit and a sentence.
//
// Lines that start with "# " are words for people; a line that starts with "#" and a key is a setting, ready to have
// its "#" taken away. A test compares the file in the repository with this text.

enum ConfigurationTemplate {
    static let text: String = {
        let groups = SettingsTable.all.reduce(into: [[Setting]]()) { groups, setting in
            if let last = groups.last?.last, group(of: last) == group(of: setting) {
                groups[groups.count - 1].append(setting)
            } else {
                groups.append([setting])
            }
        }
        let sections = groups.map { $0.map(entry).joined(separator: "\n") }
        return opening + sections.joined(separator: "\n\n") + "\n"
    }()

    private static let opening = """
        # The configuration of vizd. Every setting is listed with its default; to change one, take away the # in \
        front of
        # its key and write your value. `vizd check-config` tells what is wrong and what is in force.
        #
        # `group.name: value` may also be written as `group:` with `name: value` indented below it.
        # Times are seconds (2.5) or 500ms, 20s, 5m, 1h. Sizes are bytes or 64KiB, 64MiB, 1GiB. Lists are [a, b].
        # The environment wins over this file: VIZD_ and the key in capitals, its words joined by _ (runway.apiKey is
        # VIZD_RUNWAY_API_KEY; RUNWAY_API_KEY is read too). Keys are best kept out of this file: give them as systemd
        # credentials (a file named runway-apiKey) or name a file that holds them (runway.apiKeyFile).


        """

    private static func entry(_ setting: Setting) -> String {
        let words = setting.about.split(whereSeparator: \.isWhitespace)
        return comment(words) + comment(facts(setting).split(separator: " ")) + "#\(setting.key):"
            + (value(setting).isEmpty ? "" : " \(value(setting))") + "\n"
    }

    private static func facts(_ setting: Setting) -> String {
        let unit = setting.unit.isEmpty ? "" : " (\(setting.unit))"
        let value = value(setting).isEmpty ? "none" : value(setting)
        return "Default: \(value)\(unit)." + (setting.needsRestart ? " A change needs a restart." : "")
    }

    private static func value(_ setting: Setting) -> String {
        setting.isList ? setting.fallbackValue.display : setting.fallback
    }

    private static func comment(_ words: [Substring]) -> String {
        var lines: [String] = []
        for word in words {
            if let last = lines.last, last.count + 1 + word.count <= 118 {
                lines[lines.count - 1] += " " + word
            } else {
                lines.append("# " + word)
            }
        }
        return lines.map { $0 + "\n" }.joined()
    }

    private static func group(of setting: Setting) -> Substring { setting.key.prefix { $0 != "." } }
}
