// Reads a request out of a JSON tree and collects everything that is wrong with it.
//
// Each field is read on its own and a bad one becomes a problem and a nil, so that one mistake hides no other. Only
// when the list of problems is empty is there a request.

extension JobRequest {
    /// Reads a request from the bytes of a file.
    ///
    /// - Throws: `invalid_json` if the bytes are no strict JSON document; `invalid_request` with every problem if they
    ///   do not say what the contract asks for.
    package static func decode(_ bytes: [UInt8]) throws(RequestFault) -> JobRequest {
        let document: JSONDocument
        do throws(JSONFault) {
            document = try JSONDocument(parsing: bytes, maximumDepth: RequestLimit.levels)
        } catch {
            throw RequestFault(notJSON: error)
        }
        var reader = RequestReader(document: document)
        return try reader.request()
    }
}

struct RequestReader {
    private let document: JSONDocument
    private let root: JSONNode
    private var problems = ProblemList()

    init(document: JSONDocument) {
        self.document = document
        root = document.root
    }

    mutating func request() throws(RequestFault) -> JobRequest {
        guard case .object = root.value else {
            problems.add("", "A request is one JSON object, and this is \(root.value.kind)")
            throw RequestFault(problems: problems, userID: nil, outfitID: nil)
        }
        let action = word(.action, JobAction.self)
        let userID = text(.userID, .id)
        if userID == nil, root[RequestKey.userID.rawValue] == nil {
            problems.add(RequestKey.userID.rawValue, "is missing; it names the user's folder in the wardrobe")
        }
        var request = JobRequest(userID: userID ?? "")
        readOutfit(into: &request)
        readChoices(into: &request, action: action)
        readCircumstances(into: &request)
        if let action {
            request.action = action
            checkNeeds(of: action)
        }
        checkKeys(of: root, at: "", known: RequestKey.allCases.map(\.rawValue))
        guard problems.count == 0 else {
            throw RequestFault(problems: problems, userID: userID, outfitID: request.outfitID)
        }
        return request
    }

    private mutating func readOutfit(into request: inout JobRequest) {
        request.outfitID = text(.outfitID, .id)
        request.outfitIDs = outfitIDs()
        request.outfit = inlineOutfit()
    }

    /// An action that could not be read counts as `set_profile` here, so that an empty descriptor is not a second
    /// fault.
    private mutating func readChoices(into request: inout JobRequest, action: JobAction?) {
        request.provider = text(.provider, .line(1...RequestLimit.providerCharacters))
        request.model = text(.model, .line(1...RequestLimit.modelCharacters))
        request.ratio = ratio(in: root, at: "")
        request.seed = seed(in: root, at: "")
        let fewest = action == .setProfile || action == nil ? 0 : 1
        request.modelDescriptor = text(.modelDescriptor, .text(fewest...RequestLimit.descriptorCharacters))
        request.prompt = text(.prompt, .text(1...RequestLimit.promptCharacters))
    }

    private mutating func readCircumstances(into request: inout JobRequest) {
        request.views = views()
        request.kind = word(.kind, PictureKind.self) ?? .image
        request.regenerate = flag(.regenerate)
        request.priority = word(.priority, Priority.self) ?? .normal
        request.notAfter = moment(.notAfter)
        request.personImage = text(.personImage, .line(1...RequestLimit.imageCharacters))
        request.metadata = metadata()
    }
}

// MARK: What belongs together

extension RequestReader {
    private func has(_ key: RequestKey) -> Bool { root[key.rawValue] != nil }

    /// What an action cannot do without, what excludes each other, and what says nothing to it.
    private mutating func checkNeeds(of action: JobAction) {
        for key in RequestKey.allCases where has(key) && !key.applies(to: action) {
            problems.add(key.rawValue, "does not apply to the action \(action.rawValue); leave it out")
        }
        switch action {
        case .visualize: checkOutfit()
        case .delete:
            if !has(.outfitID) { problems.add(RequestKey.outfitID.rawValue, "is missing; it names what to delete") }
        case .setProfile:
            if !has(.modelDescriptor) {
                problems.add(RequestKey.modelDescriptor.rawValue, "is missing; an empty one removes the user's")
            }
        }
    }

    private mutating func checkOutfit() {
        if has(.outfitIDs) {
            for other in [RequestKey.outfitID, .outfit] where has(other) {
                problems.add(other.rawValue, "cannot stand beside outfit_ids; keep one of them")
            }
        } else if !has(.outfitID), !has(.outfit) {
            problems.add(RequestKey.outfitID.rawValue, "is missing; name a saved outfit (or give outfit_ids or outfit)")
        }
    }

    /// Names every key of an object that the contract does not know.
    private mutating func checkKeys(of object: JSONNode, at path: String, known: [String]) {
        guard case .object(let members) = object.value else { return }
        let spellings = Set(known.map(Spelling.init(text:)))
        for member in members where !spellings.contains(Spelling(text: member.key)) {
            guard problems.hasRoom else {
                problems.add("", "")
                continue
            }
            let nearest = nearestWord(to: member.key, among: known)
            let advice = nearest.map { "did you mean \($0)?" } ?? "known are \(known.joined(separator: ", "))"
            problems.add(join(path, printable(member.key)), "is not a known key; \(advice)")
        }
    }

    private func join(_ path: String, _ key: String) -> String { path.isEmpty ? key : "\(path).\(key)" }
}

// MARK: One field

extension RequestReader {
    private mutating func text(_ key: RequestKey, _ rule: TextRule) -> String? {
        text(key.rawValue, rule, in: root, at: "")
    }

    private mutating func text(_ key: String, _ rule: TextRule, in object: JSONNode, at path: String) -> String? {
        object[key].flatMap { text($0, rule, at: join(path, key)) }
    }

    private mutating func text(_ node: JSONNode, _ rule: TextRule, at path: String) -> String? {
        guard case .string(let text) = node.value else { return mismatch(node, at: path, wanted: "a string") }
        guard let objection = rule.objection(to: text) else { return text }
        problems.add(path, objection)
        return nil
    }

    /// One of a few words; `action` and `kind` have a default, which stands where the key is not there.
    private mutating func word<Word>(_ key: RequestKey, _ type: Word.Type) -> Word?
    where Word: RawRepresentable<String> & CaseIterable & ContractDefault {
        guard let node = root[key.rawValue] else { return Word.standard }
        let words = Word.allCases.map(\.rawValue)
        guard case .string(let text) = node.value else {
            return mismatch(node, at: key.rawValue, wanted: "one of \(words.joined(separator: ", "))")
        }
        if let word = Word.allCases.first(where: { $0.rawValue.utf8.elementsEqual(text.utf8) }) { return word }
        let nearest = nearestWord(to: text, among: words).map { " (did you mean \($0)?)" } ?? ""
        problems.add(key.rawValue, "is \"\(printable(text))\"; known are \(words.joined(separator: ", "))\(nearest)")
        return nil
    }

    private mutating func flag(_ key: RequestKey) -> Bool {
        guard let node = root[key.rawValue] else { return false }
        if case .bool(let value) = node.value { return value }
        return mismatch(node, at: key.rawValue, wanted: "true or false") ?? false
    }

    private mutating func ratio(in object: JSONNode, at path: String) -> Ratio? {
        let path = join(path, RequestKey.ratio.rawValue)
        guard let node = object[RequestKey.ratio.rawValue] else { return nil }
        guard case .string(let text) = node.value else { return mismatch(node, at: path, wanted: "a string") }
        if let ratio = Ratio(text) { return ratio }
        problems.add(path, "is \"\(printable(text))\"; write width and height as in \"1080:1440\"")
        return nil
    }

    private mutating func seed(in object: JSONNode, at path: String) -> UInt32? {
        let path = join(path, RequestKey.seed.rawValue)
        guard let node = object[RequestKey.seed.rawValue] else { return nil }
        guard case .number(let text) = node.value else { return mismatch(node, at: path, wanted: "a whole number") }
        if let value = Double(text), let seed = UInt32(exactly: value) { return seed }
        problems.add(path, "is \(printable(text)); write a whole number from 0 to 4294967295")
        return nil
    }

    private mutating func moment(_ key: RequestKey) -> Timestamp? {
        guard let node = root[key.rawValue] else { return nil }
        guard case .string(let text) = node.value else { return mismatch(node, at: key.rawValue, wanted: "a string") }
        if let moment = Timestamp(rfc3339: text) { return moment }
        problems.add(key.rawValue, "is \"\(printable(text))\"; write a date and time as in \"2026-11-24T18:00:00Z\"")
        return nil
    }

    private mutating func metadata() -> [UInt8]? {
        let path = RequestKey.metadata.rawValue
        guard let node = root[path] else { return nil }
        guard case .object = node.value else { return mismatch(node, at: path, wanted: "an object") }
        if node.range.count <= RequestLimit.metadataBytes { return document.text(of: node) }
        problems.add(path, "has \(node.range.count) bytes; at most \(RequestLimit.metadataBytes) are echoed")
        return nil
    }

    /// Notes that a value is of another kind than it should be; null is a value, not an absence.
    private mutating func mismatch<Value>(_ node: JSONNode, at path: String, wanted: String) -> Value? {
        problems.add(path, "is \(node.value.kind) and should be \(wanted)\(node.value == .null ? ", or left out" : "")")
        return nil
    }
}

// MARK: Fields that have parts

extension RequestReader {
    private mutating func outfitIDs() -> [String] {
        let key = RequestKey.outfitIDs.rawValue
        var ids: [String] = []
        var seen: Set<Spelling> = []
        for (index, node) in elements(of: root, key, at: "", atMost: RequestLimit.outfitIDs).enumerated() {
            guard let id = text(node, .id, at: "\(key)[\(index)]") else { continue }
            guard seen.insert(Spelling(text: id)).inserted else {
                problems.add("\(key)[\(index)]", "is \"\(printable(id))\" a second time; name each outfit once")
                continue
            }
            ids.append(id)
        }
        return ids
    }

    private mutating func inlineOutfit() -> JobRequest.InlineOutfit? {
        let path = RequestKey.outfit.rawValue
        guard let node = root[path] else { return nil }
        guard case .object = node.value else { return mismatch(node, at: path, wanted: "an object") }
        let items = self.items(of: node, at: path)
        let notes = text(
            OutfitKey.stylingNotes.rawValue, .text(1...RequestLimit.stylingNotesCharacters), in: node, at: path)
        checkKeys(of: node, at: path, known: OutfitKey.allCases.map(\.rawValue))
        return JobRequest.InlineOutfit(items: items, stylingNotes: notes)
    }

    private mutating func items(of outfit: JSONNode, at path: String) -> [JobRequest.Item] {
        let key = OutfitKey.items.rawValue
        if outfit[key] == nil { problems.add(join(path, key), "is missing; list the garments") }
        var items: [JobRequest.Item] = []
        for (index, node) in elements(of: outfit, key, at: path, atMost: RequestLimit.items).enumerated() {
            let place = "\(join(path, key))[\(index)]"
            guard isObject(node, at: place) else { continue }
            let name = needed(ItemKey.name.rawValue, .line(1...RequestLimit.nameCharacters), in: node, at: place)
            let image = needed(ItemKey.image.rawValue, .line(1...RequestLimit.imageCharacters), in: node, at: place)
            let category = text(
                ItemKey.category.rawValue, .line(1...RequestLimit.categoryCharacters), in: node, at: place)
            checkKeys(of: node, at: place, known: ItemKey.allCases.map(\.rawValue))
            if let name, let image { items.append(JobRequest.Item(name: name, image: image, category: category)) }
        }
        return items
    }

    private mutating func views() -> [JobRequest.View] {
        let key = RequestKey.views.rawValue
        var views: [JobRequest.View] = []
        for (index, node) in elements(of: root, key, at: "", atMost: RequestLimit.views).enumerated() {
            let place = "\(key)[\(index)]"
            guard isObject(node, at: place) else { continue }
            let name = viewName(in: node, at: place, taken: views.map(\.name))
            let prompt = text(ViewKey.prompt.rawValue, .text(1...RequestLimit.promptCharacters), in: node, at: place)
            let ratio = ratio(in: node, at: place)
            let seed = seed(in: node, at: place)
            checkKeys(of: node, at: place, known: ViewKey.allCases.map(\.rawValue))
            if let name { views.append(JobRequest.View(name: name, prompt: prompt, ratio: ratio, seed: seed)) }
        }
        return views
    }

    /// A view's name becomes the name of a file: `[a-z0-9-]{1,32}`.
    private mutating func viewName(in view: JSONNode, at place: String, taken: [String]) -> String? {
        let key = ViewKey.name.rawValue
        let path = join(place, key)
        guard let name = needed(key, .line(1...RequestLimit.viewNameCharacters), in: view, at: place) else {
            return nil
        }
        let allowed = name.utf8.allSatisfy { byte in
            switch byte {
            case 0x61...0x7A, 0x30...0x39, 0x2D: true
            default: false
            }
        }
        if !allowed {
            problems.add(path, "is \"\(printable(name))\"; only a to z, 0 to 9 and - are allowed")
        } else if taken.contains(name) {
            problems.add(path, "is \"\(name)\" a second time; each view needs a name of its own")
        }
        return allowed && !taken.contains(name) ? name : nil
    }

    private mutating func needed(_ key: String, _ rule: TextRule, in object: JSONNode, at path: String) -> String? {
        if object[key] == nil { problems.add(join(path, key), "is missing") }
        return text(key, rule, in: object, at: path)
    }

    private mutating func isObject(_ node: JSONNode, at path: String) -> Bool {
        if case .object = node.value { return true }
        return mismatch(node, at: path, wanted: "an object") ?? false
    }

    /// The elements of an array that may be absent but not empty; too many are one problem and none is looked at.
    private mutating func elements(
        of object: JSONNode, _ key: String, at path: String, atMost limit: Int
    ) -> [JSONNode] {
        guard let node = object[key] else { return [] }
        guard case .array(let elements) = node.value else {
            return mismatch(node, at: join(path, key), wanted: "an array") ?? []
        }
        guard (1...limit).contains(elements.count) else {
            problems.add(join(path, key), "has \(elements.count) elements; 1 to \(limit) are allowed")
            return []
        }
        return elements
    }
}

/// A word that has a default in a request.
private protocol ContractDefault {
    static var standard: Self { get }
}

extension JobAction: ContractDefault { fileprivate static let standard = JobAction.visualize }
extension PictureKind: ContractDefault { fileprivate static let standard = PictureKind.image }
extension Priority: ContractDefault { fileprivate static let standard = Priority.normal }
