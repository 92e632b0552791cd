// vizd.conf as a flat list: every key that it sets, with its value and its line.
//
// The file is YAML. `group.name: value` on one line and `name: value` indented below `group:` mean the same. What this
// reader promises is that nothing is passed over: a key that is no setting, one that is set twice, a value of the wrong
// shape, each becomes a problem with its line, and reading goes on, so that one look shows everything there is to mend.
// Broken YAML ends the reading (nothing after it can be trusted). The text of a value is never put into a problem here:
// it could be a secret.

internal import Contract
internal import Yams

struct ConfigurationFile: Sendable {
    struct Entry: Sendable, Equatable {
        let line: Int
        /// Nil: the key stands there without a value.
        let value: RawValue?
    }

    struct Problem: Sendable, Equatable {
        let key: String?
        let line: Int?
        let sentence: String
    }

    private(set) var entries: [String: Entry] = [:]
    private(set) var problems: [Problem] = []

    /// Reads `bytes`. An empty file, or one of comments only, sets nothing.
    init(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            problems.append(Problem(key: nil, line: nil, sentence: "The file is not UTF-8; save it as UTF-8."))
            return
        }
        do {
            guard let root = try Yams.compose(yaml: text), root.isSet else { return }
            guard let mapping = root.mapping else {
                let line = root.mark?.line
                problems.append(Problem(key: nil, line: line, sentence: "The file must be lines of `key: value`."))
                return
            }
            add(mapping, below: "")
        } catch let error as YamlError {
            problems.append(Self.problem(with: error))
        } catch {
            problems.append(Problem(key: nil, line: nil, sentence: "The file is not YAML that can be read."))
        }
    }

    private mutating func add(_ mapping: Node.Mapping, below prefix: String) {
        for (keyNode, node) in mapping {
            let line = keyNode.mark?.line ?? mapping.mark?.line ?? 1
            guard let name = keyNode.scalar?.string, !name.isEmpty else {
                problems.append(Problem(key: nil, line: line, sentence: "A key must be a plain word."))
                continue
            }
            add(node, as: prefix + name, line: line)
        }
    }

    private mutating func add(_ node: Node, as key: String, line: Int) {
        if SettingsTable.setting(key) != nil {
            set(key, to: node, line: line)
        } else if SettingsTable.groups.contains(key) {
            descend(into: node, of: key, line: line)
        } else {
            problems.append(Problem(key: key, line: line, sentence: Self.unknown(key)))
        }
    }

    private mutating func set(_ key: String, to node: Node, line: Int) {
        if let earlier = entries[key] {
            let sentence = "It is set twice, in line \(earlier.line) already; keep one of the two."
            problems.append(Problem(key: key, line: line, sentence: sentence))
        } else if let value = Self.value(of: node) {
            entries[key] = Entry(line: line, value: value)
        } else if node.isSet {
            let sentence = "It takes a value or a list of values, not more lines of `key: value` or lists in lists."
            problems.append(Problem(key: key, line: line, sentence: sentence))
        } else {
            entries[key] = Entry(line: line, value: nil)
        }
    }

    private mutating func descend(into node: Node, of group: String, line: Int) {
        if let mapping = node.mapping {
            add(mapping, below: group + ".")
        } else if node.isSet {
            let sentence = "It is a group of settings and takes no value itself; \(Self.examples(of: group))."
            problems.append(Problem(key: group, line: line, sentence: sentence))
        }
    }

    private static func value(of node: Node) -> RawValue? {
        if let scalar = node.scalar { return node.isSet ? .text(scalar.string) : nil }
        guard let items = node.sequence else { return nil }
        let texts = items.compactMap { $0.scalar?.string }
        return texts.count == items.count ? .list(texts) : nil
    }

    private static func examples(of group: String) -> String {
        let keys = SettingsTable.all.map(\.key).filter { $0.hasPrefix(group + ".") }
        return "set " + keys.prefix(3).joined(separator: ", ") + (keys.count > 3 ? " …" : "")
    }

    private static func unknown(_ key: String) -> String {
        let nearest = nearestWord(to: key, among: SettingsTable.all.map(\.key))
        return "There is no such setting" + (nearest.map { "; did you mean \($0)?" } ?? ".")
    }

    /// The library's own text quotes lines of the file, which may hold a key; so only the place and the kind are kept.
    private static func problem(with error: YamlError) -> Problem {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            Problem(key: nil, line: mark.line, sentence: "The file is not YAML that can be read: \(problem).")
        case .duplicatedKeysInMapping(let keys, let context):
            Problem(
                key: keys.first, line: context.mark.line,
                sentence: "Set more than once: \(keys.joined(separator: ", ")); keep one of them.")
        default:
            Problem(key: nil, line: nil, sentence: "The file is not YAML that can be read.")
        }
    }
}

extension Node {
    /// Whether something was written: not nothing, `~` or `null`.
    fileprivate var isSet: Bool {
        guard let scalar else { return true }
        return scalar.style != .plain || !["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }
}
