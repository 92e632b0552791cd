// The environment and the configuration file as swift-configuration's snapshots, asked for one key at a time.
//
// Everything is asked for as text (or a list of texts) and read by the setting's own kind afterwards: the library's
// typed getters answer nil for a bad value, or an error without the place where it stands.

internal import Configuration

/// What a source has to say about a setting.
enum SettingsFinding {
    case value(RawValue, SettingsSource)
    case problem(String, SettingsSource)
    case nothing
}

struct SettingsLayers {
    enum Layer { case environment, file }

    /// Without a prefix only these are read; other words of the environment belong to other programs.
    private static let ownPrefixes = ["RUNWAY_", "FASHN_", "OPENAI_", "BFL_", "S3_", "STORAGE_", "AWS_"]

    private var prefixed: any ConfigSnapshot = InMemoryProvider(values: [:]).snapshot()
    private var bare: any ConfigSnapshot = InMemoryProvider(values: [:]).snapshot()
    private var configured: any ConfigSnapshot = InMemoryProvider(values: [:]).snapshot()
    private var path = ""
    private var lines: [String: Int] = [:]

    mutating func environment(_ variables: [String: String]) {
        let set = variables.filter { !$0.value.isEmpty }
        prefixed = EnvironmentVariablesProvider(environmentVariables: set).snapshot()
        let own = set.filter { variable in Self.ownPrefixes.contains { variable.key.hasPrefix($0) } }
        bare = EnvironmentVariablesProvider(environmentVariables: own).snapshot()
    }

    mutating func file(_ file: ConfigurationFile, path: String) {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, entry) in file.entries {
            lines[key] = entry.line
            let content: ConfigContent? =
                switch entry.value {
                case .text(let text): .string(text)
                case .list(let items): .stringArray(items)
                case nil: nil
                }
            let isSecret = SettingsTable.setting(key)?.isSecret ?? true
            values[Self.path(of: key)] = content.map { ConfigValue($0, isSecret: isSecret) }
        }
        self.path = path
        configured = InMemoryProvider(name: path, values: values).snapshot()
    }

    func ask(_ layer: Layer, _ setting: Setting) -> SettingsFinding {
        let key = Self.path(of: setting.key)
        guard layer == .environment else {
            let source = SettingsSource.file(path: path, line: lines[setting.key])
            return answer(of: configured, to: key, setting) { _ in source }
        }
        let first = answer(of: prefixed, to: Self.path(of: "vizd." + setting.key), setting, Self.variable)
        guard case .nothing = first else { return first }
        let second = answer(of: bare, to: key, setting, Self.variable)
        guard case .nothing = second, let alias = setting.environmentAlias else { return second }
        return answer(of: bare, to: AbsoluteConfigKey([alias]), setting, Self.variable)
    }

    /// The variable that sets `setting`, with the prefix, as the library spells it.
    func variable(of setting: Setting) -> String? {
        do {
            return try prefixed.value(forKey: Self.path(of: "vizd." + setting.key), type: .string).encodedKey
        } catch {
            return nil
        }
    }

    private static func variable(_ name: String) -> SettingsSource { .environment(variable: name) }

    private static func path(of key: String) -> AbsoluteConfigKey {
        AbsoluteConfigKey(key.split(separator: ".").map(String.init))
    }

    private func answer(
        of snapshot: any ConfigSnapshot, to key: AbsoluteConfigKey, _ setting: Setting,
        _ source: (String) -> SettingsSource
    ) -> SettingsFinding {
        do {
            let answer = try snapshot.value(forKey: key, type: .string)
            guard case .string(let text)? = answer.value?.content, !text.isEmpty else { return .nothing }
            let raw: RawValue = setting.isList ? .list(Setting.items(of: text)) : .text(text)
            return .value(raw, source(answer.encodedKey))
        } catch {
            return list(in: snapshot, key, setting, source)
        }
    }

    /// Only the file can hold a list; a text for a list was taken above, as items between commas.
    private func list(
        in snapshot: any ConfigSnapshot, _ key: AbsoluteConfigKey, _ setting: Setting,
        _ source: (String) -> SettingsSource
    ) -> SettingsFinding {
        do {
            let answer = try snapshot.value(forKey: key, type: .stringArray)
            guard case .stringArray(let items)? = answer.value?.content else { return .nothing }
            guard setting.isList else {
                return .problem("It takes one value, not a list: \(setting.allowed).", source(answer.encodedKey))
            }
            return .value(.list(items), source(answer.encodedKey))
        } catch {
            return .problem("It cannot be read; it takes \(setting.allowed).", source(key.description))
        }
    }
}
