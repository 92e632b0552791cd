// The rules of the house that no compiler keeps: which module may import which, how long a function may be, and that no
// unfinished work is committed. They are read off the source text, so a breach names file and line.

import Foundation
import Testing

/// The source tree of this package.
private enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Every Swift file under `folder`, with its path from the root and its lines.
    static func swiftFiles(under folder: String) throws -> [(path: String, lines: [String])] {
        let base = root.appending(path: folder)
        let all = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
        let files = (all?.allObjects as? [URL] ?? []).filter { $0.pathExtension == "swift" }
        return try files.map { file in
            let path = file.path.replacingOccurrences(of: root.path + "/", with: "")
            return (path, try String(contentsOf: file, encoding: .utf8).components(separatedBy: "\n"))
        }
    }
}

/// The arrows: a module (a folder of Sources) and what it may import.
private let arrows: [String: Set<String>] = [
    "vizd": [
        "Contract", "Digest", "Imaging", "Ledger", "Linux", "Pipeline", "Providers", "Spool", "Transfer", "Wardrobe",
        "ArgumentParser", "Configuration", "Foundation", "Logging", "Synchronization", "Yams",
    ],
    "Pipeline": [
        "Contract", "Digest", "Imaging", "Ledger", "Linux", "Providers", "Transfer", "Wardrobe", "Synchronization",
        "HeapModule", "DequeModule",
    ],
    "Providers": ["Contract", "Linux", "Transfer", "Synchronization"],
    "Transfer": ["CCurl", "DequeModule", "HeapModule", "Linux", "Synchronization"],
    "Wardrobe": ["Contract", "Digest", "Linux", "Transfer", "Synchronization"],
    "Spool": ["Linux", "Synchronization", "HeapModule", "DequeModule", "OrderedCollections"],
    // GRDB binds blobs as Foundation's Data: the only reason for FoundationEssentials here.
    "Ledger": ["Contract", "Linux", "GRDB", "GRDBSQLite", "FoundationEssentials", "Synchronization"],
    "Imaging": ["Linux", "ImagingWire", "Subprocess", "Synchronization"],
    "ImagingWire": [],
    "vizd-image": ["CVipsShim", "ImagingWire", "Linux"],
    "Linux": ["CLinux", "Glibc", "Synchronization"],
    "Digest": ["CCrypto"],
    "Contract": [],
]

@Suite("House")
struct HouseTests {
    @Test("every module imports only what its arrows allow")
    func arrowsHold() throws {
        var breaches: [String] = []
        for (path, lines) in try Tree.swiftFiles(under: "Sources") {
            let module = path.split(separator: "/")[1]
            guard let allowed = arrows[String(module)] else {
                breaches.append("\(path): no arrows are written down for \(module)")
                continue
            }
            for (number, line) in lines.enumerated() {
                guard
                    let match = line.firstMatch(
                        of: /^\s*(?:@\w+\s+)*(?:package |internal |private )?import (?:\w+ )?(\w+)/)
                else { continue }
                if !allowed.contains(String(match.1)) {
                    breaches.append("\(path):\(number + 1): \(module) -> \(match.1)")
                }
            }
        }
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
    }

    @Test("every module has arrows, and every arrow's module is there")
    func arrowsAreComplete() throws {
        let modules = Set(try Tree.swiftFiles(under: "Sources").map { String($0.path.split(separator: "/")[1]) })
        #expect(modules == Set(arrows.keys))
    }

    @Test("no function is longer than 70 lines, no line wider than 120 columns")
    func sizesHold() throws {
        var breaches: [String] = []
        for (path, lines) in try Tree.swiftFiles(under: "Sources") + Tree.swiftFiles(under: "Tests") {
            // A test's name is a sentence, and the macro takes no pieces of one.
            let wide = lines.enumerated().filter { $0.element.count > 120 && !isOneLiteral($0.element) }
            breaches += wide.map {
                "\(path):\($0.offset + 1): wider than 120"
            }
            breaches += functions(in: lines).filter { $0.length > 70 }.map { "\(path):\($0.line): \($0.length) lines" }
        }
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
    }

    /// Functions by their indentation: from the declaration to the brace that closes at its depth.
    private func functions(in lines: [String]) -> [(line: Int, length: Int)] {
        var found: [(line: Int, length: Int)] = []
        var open: (line: Int, indent: Int)?
        for (number, line) in lines.enumerated() {
            let indent = line.prefix { $0 == " " }.count
            if open == nil && isFunction(line) { open = (number, indent) }
            // A function on one line closes on it.
            if let start = open, number == start.line, line.hasSuffix("}") { open = nil }
            if let start = open, number >= start.line, indent == start.indent, line.dropFirst(indent).first == "}" {
                found.append((start.line + 1, number - start.line + 1))
                open = nil
            } else if let start = open, number > start.line, indent < start.indent, !line.isEmpty {
                open = nil
            }
        }
        return found
    }

    /// Whether a line is a name of a test or a single literal: neither can be broken.
    private func isOneLiteral(_ line: String) -> Bool {
        let text = line.trimmingCharacters(in: .whitespaces)
        return text.hasPrefix("@Test(\"") || text.hasPrefix("\"") || text.hasPrefix("#\"")
    }

    /// Words that may stand before `func` or `init`.
    private static let modifiers: Set<Substring> = [
        "package", "internal", "private", "fileprivate", "static", "mutating", "borrowing", "consuming", "nonisolated",
        "convenience", "override", "required", "final",
    ]

    /// Whether a line declares a function, with attributes and modifiers before it.
    private func isFunction(_ line: String) -> Bool {
        let words = line.split(separator: " ").drop { HouseTests.modifiers.contains($0) || $0.hasPrefix("@") }
        guard let word = words.first else { return false }
        return word == "func" || word.hasPrefix("init(") || word.hasPrefix("init?(") || word.hasPrefix("init<")
    }

    /// Whether a line declares something that other modules can use and that needs words.
    private func isPackageDeclaration(_ line: String) -> Bool {
        let words = line.split(separator: " ")
        guard words.first == "package" else { return false }
        let kind = words.dropFirst().drop { HouseTests.modifiers.contains($0) || $0 == "indirect" }.first ?? ""
        return ["func", "struct", "enum", "class", "protocol", "typealias"].contains(kind)
    }

    @Test("nothing unfinished, no forced cast, no error thrown away")
    func nothingUnfinished() throws {
        let banned = ["TODO", "FIXME", "XXX:", " try? ", " as! ", "fatalError("]
        var breaches: [String] = []
        for (path, lines) in try Tree.swiftFiles(under: "Sources") {
            for (number, line) in lines.enumerated() {
                breaches += banned.filter(line.contains).map { "\(path):\(number + 1): \($0)" }
            }
        }
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
    }

    /// Where a provider may be asked for by its name: its own folder and the registry.
    private func mayNameProviders(_ path: String) -> Bool {
        path == "Sources/Providers/ProviderRegistry.swift"
            || path.hasPrefix("Sources/Providers/") && path.split(separator: "/").count > 3
    }

    /// A name in quotes at one side of a comparison, in a `case` or as what something begins with or contains.
    private func comparesProvider(_ line: String, _ names: [String]) -> Bool {
        names.contains { name in
            let quoted = "\"\(name)\""
            return ["== \(quoted)", "!= \(quoted)", "~= \(quoted)", "\(quoted) ==", "\(quoted) !=", "\(quoted) ~="]
                .contains(where: line.contains)
                || ["hasPrefix(\(quoted)", "hasSuffix(\(quoted)", "contains(\(quoted)"].contains(where: line.contains)
                || line.trimmingCharacters(in: .whitespaces).hasPrefix("case ") && line.contains(quoted)
        }
    }

    /// What providers are called by, read off their own folders: the id of the configuration and the name of results.
    private func providerNames() throws -> [String] {
        try Tree.swiftFiles(under: "Sources/Providers").flatMap { file in
            file.lines.flatMap { line in
                line.matches(of: /\bid: "(\w+)", displayName: "([^"]+)"/).flatMap { [String($0.1), String($0.2)] }
            }
        }
    }

    @Test("nobody but a provider's own folder and the registry asks which provider it is")
    func nobodyAsksWhichProvider() throws {
        let names = Array(Set(try providerNames()))
        #expect(Set(names).isSuperset(of: ["runway", "flatlay", "fashn", "bfl", "openai", "exec", "Runway ML"]))
        var breaches: [String] = []
        for (path, lines) in try Tree.swiftFiles(under: "Sources") where !mayNameProviders(path) {
            for (number, line) in lines.enumerated() where comparesProvider(line, names) {
                breaches.append("\(path):\(number + 1): \(line)")
            }
        }
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
        // The rule sees what it is there for.
        for line in [
            #"if plan.provider == "runway" {"#, #"guard "exec" != name else { return }"#,
            #"    case "bfl", "fashn": 2"#,
            #"if id.hasPrefix("openai") {"#, #"provider.traits.displayName == "Runway ML""#,
        ] {
            #expect(comparesProvider(line, names), "\(line)")
        }
        #expect(!comparesProvider(#"resubmitAfter["runway"] = 1"#, names))
    }

    @Test("what docs/PROVIDERS.md says of the smallest provider is so: its folder, and the lines that name it")
    func smallestProvider() throws {
        let text = try String(contentsOf: Tree.root.appending(path: "docs/PROVIDERS.md"), encoding: .utf8)
        let files = try Tree.swiftFiles(under: "Sources/Providers/BFL")
        // The last piece of a file that ends in a line feed is empty.
        for (path, lines) in files {
            #expect(text.contains("\(lines.count - 1) \(path)\n"), "\(path): \(lines.count - 1)")
        }
        #expect(text.contains("\(files.reduce(0) { $0 + $1.lines.count - 1 }) total\n"))
        // As grep -w has words; those of Unicode go on over a dot.
        let bfl = /\b(?i:bfl)\b/.wordBoundaryKind(.simple)
        var named: [String: Int] = [:]
        for (path, lines) in try Tree.swiftFiles(under: "Sources") where !path.hasPrefix("Sources/Providers/BFL/") {
            let count = lines.count { $0.firstMatch(of: bfl) != nil }
            if count > 0 { named[String(path.dropFirst("Sources/".count)), default: 0] += count }
        }
        #expect(!named.isEmpty)
        for (path, count) in named { #expect(text.contains("| `\(path)` | \(count) |"), "\(path): \(count)") }
    }

    @Test("every test that docs/SECURITY.md names is there")
    func namedTests() throws {
        let text = try String(contentsOf: Tree.root.appending(path: "docs/SECURITY.md"), encoding: .utf8)
        let files = try Tree.swiftFiles(under: "Tests")
        let named = text.matches(of: /`(\w+Tests)\.(\w+)`/).map { (file: String($0.1), function: String($0.2)) }
        #expect(named.count > 50)
        let missing = named.filter { name in
            !files.contains { path, lines in
                path.hasSuffix("/\(name.file).swift") && lines.contains { $0.contains("func \(name.function)(") }
            }
        }
        #expect(missing.isEmpty, "\(missing.map { "\($0.file).\($0.function)" })")
    }

    @Test("unchecked sendability stays at the edge, and says what guards it")
    func uncheckedIsExplained() throws {
        let allowed: Set<String> = ["Linux", "Imaging"]
        var breaches: [String] = []
        for (path, lines) in try Tree.swiftFiles(under: "Sources") {
            for (number, line) in lines.enumerated()
            where line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") {
                let module = String(path.split(separator: "/")[1])
                let around = lines[max(0, number - 3)...min(lines.count - 1, number + 3)].joined()
                if !allowed.contains(module) || !around.contains("Guard") { breaches.append("\(path):\(number + 1)") }
            }
        }
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
    }

    @Test("every file says at its top what it is")
    func filesOpenWithAComment() throws {
        let silent = try Tree.swiftFiles(under: "Sources").filter { !($0.lines.first ?? "").hasPrefix("//") }
        #expect(silent.isEmpty, "\(silent.map(\.path).joined(separator: "\n"))")
    }

    @Test("every package declaration carries a comment, but for members that their type's comment explains")
    func packageDeclarationsAreDocumented() throws {
        var breaches: [String] = []
        for (path, lines) in try Tree.swiftFiles(under: "Sources") {
            for (number, line) in lines.enumerated() {
                // Types and functions; stored properties, cases and initialisers speak by name and type.
                guard isPackageDeclaration(line) else { continue }
                var above = number - 1
                while above >= 0, lines[above].drop(while: { $0 == " " }).hasPrefix("@") { above -= 1 }
                let text = above >= 0 ? lines[above].trimmingCharacters(in: .whitespaces) : ""
                let witness =
                    line.contains("static func <") || line.contains("static func ==") || line.contains("func hash(into")
                if !text.hasPrefix("///") && !witness { breaches.append("\(path):\(number + 1):\(line)") }
            }
        }
        #expect(breaches.isEmpty, "\(breaches.joined(separator: "\n"))")
    }
}
