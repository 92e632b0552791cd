// Where a value came from, what is wrong with it, and what was noticed: the settings' side of the talk with a person.

internal import Contract

/// The place that a value was read from.
enum SettingsSource: Sendable, Equatable, CustomStringConvertible {
    case environment(variable: String)
    case credential(path: String)
    case keyFile(path: String)
    case file(path: String, line: Int?)
    case builtIn

    var description: String {
        switch self {
        case .environment(let variable): "environment variable \(variable)"
        case .credential(let path): "credential \(path)"
        case .keyFile(let path): "key file \(path)"
        case .file(let path, let line): path + (line.map { ":\($0)" } ?? "")
        case .builtIn: "default"
        }
    }
}

/// One thing that must be mended before vizd runs.
struct SettingsProblem: Sendable, Equatable, CustomStringConvertible {
    /// The setting; nil when it is the whole file.
    let key: String?
    let source: SettingsSource
    /// What is wrong and what is allowed, in whole sentences. Never a secret's value.
    let sentence: String

    /// What the operator wrote is quoted; nothing of it breaks a line.
    init(key: String?, source: SettingsSource, sentence: String) {
        self.key = key.map { printable($0) }
        self.source = source
        self.sentence = printable(sentence, limit: .max)
    }

    var description: String { (key.map { "\($0): " } ?? "") + "\(sentence) (\(source))" }
}

/// A setting that is in force, as `check-config` shows it.
struct EffectiveSetting: Sendable, Equatable {
    let key: String
    /// As it would be written in the file; "(secret)" for a secret, empty when nothing is set.
    let display: String
    let source: SettingsSource
    /// The value itself, for finding what a reload changed; wrapped, because it may be a key.
    let value: Secret
}
