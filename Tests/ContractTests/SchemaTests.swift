// The schema files against the coders: the same keys, and the same verdict on every document.

import Testing

@testable import Contract

/// The fault that a document is refused with, or nil if it is taken.
private func documentFault<Document>(in decode: () throws(DocumentFault) -> Document) -> DocumentFault? {
    do throws(DocumentFault) {
        _ = try decode()
        return nil
    } catch {
        return error
    }
}

@Suite("schemas")
struct SchemaTests {
    private func schema(_ name: String) throws -> JSONSchema {
        try JSONSchema(ProjectFiles.read("docs/schema/\(name).schema.json"))
    }

    private func keys(_ node: JSONNode?) throws -> [String] {
        guard case .object(let members)? = node?.value else { throw Unexpected() }
        return members.map(\.key)
    }

    private func words(_ node: JSONNode?) throws -> [String] {
        guard case .array(let elements)? = node?.value else { throw Unexpected() }
        return elements.compactMap { if case .string(let word) = $0.value { word } else { nil } }
    }

    @Test("the request's schema takes and refuses what the decoder does")
    func requestsAgree() throws {
        let schema = try schema("request")
        for example in RequestCase.taken {
            #expect(try schema.accepts(Array(example.text.utf8)), "\(example.text.prefix(200))")
        }
        for example in RequestCase.refused {
            #expect(try schema.accepts(Array(example.text.utf8)) == example.beyondSchema, "\(example.text.prefix(200))")
        }
    }

    @Test("the request's schema agrees with the decoder on thousands of requests with one change each")
    func requestVariationsAgree() throws {
        let schema = try schema("request")
        var verdicts = [true: 0, false: 0]
        for path in try ProjectFiles.list("Examples/requests") {
            for variation in try Variations.of(ProjectFiles.read(path)) {
                let fault = requestFault(in: variation)
                let text = String(decoding: variation, as: UTF8.self)
                if fault?.code == .invalidJSON {
                    Issue.record("a variation is no JSON: \(text)")
                    continue
                }
                #expect(try schema.accepts(variation) == (fault == nil), "\(fault?.message ?? "taken"): \(text)")
                verdicts[fault == nil, default: 0] += 1
            }
        }
        #expect(verdicts[true, default: 0] > 100)
        #expect(verdicts[false, default: 0] > 1_000)
    }

    @Test("the status schema agrees with the decoder")
    func statusVariationsAgree() throws {
        let schema = try schema("status")
        for sample in [Samples.status, Samples.waiting] {
            #expect(try schema.accepts(sample.encode()) && StatusDocument.decode(sample.encode()) == sample)
            for variation in try Variations.of(sample.encode()) {
                let taken = documentFault { () throws(DocumentFault) in try StatusDocument.decode(variation) } == nil
                #expect(try schema.accepts(variation) == taken, "\(String(decoding: variation, as: UTF8.self))")
            }
        }
    }

    @Test("the result schema agrees with the decoder")
    func resultVariationsAgree() throws {
        let schema = try schema("result")
        for (name, document) in Samples.all {
            #expect(try schema.accepts(document.encode()), "\(name)")
            for variation in try Variations.of(document.encode(pretty: false)) {
                let taken = documentFault { () throws(DocumentFault) in try ResultDocument.decode(variation) } == nil
                #expect(try schema.accepts(variation) == taken, "\(String(decoding: variation, as: UTF8.self))")
            }
        }
    }

    @Test("the schemas have the keys that the coders have")
    func sameKeys() throws {
        let request = try schema("request").root
        #expect(try keys(request["properties"]) == RequestKey.allCases.map(\.rawValue))
        #expect(try keys(request["$defs"]?["outfit"]?["properties"]) == OutfitKey.allCases.map(\.rawValue))
        #expect(try keys(request["$defs"]?["item"]?["properties"]) == ItemKey.allCases.map(\.rawValue))
        #expect(try keys(request["$defs"]?["view"]?["properties"]) == ViewKey.allCases.map(\.rawValue))
        guard case .array(let actions)? = request["oneOf"]?.value else { throw Unexpected() }
        for (action, rule) in zip(JobAction.allCases, actions) where action != .visualize {
            let applicable = RequestKey.allCases.filter { $0.applies(to: action) }.map(\.rawValue)
            #expect(try words(rule["propertyNames"]?["enum"]) == applicable)
        }
        let status = try schema("status").root
        #expect(try keys(status["properties"]) == StatusKey.allCases.map(\.rawValue))
        #expect(try words(status["required"]) == StatusKey.allCases.map(\.rawValue))
        let waiting = status["$defs"]?["waiting"]
        #expect(try keys(waiting?["properties"]) == WaitingKey.allCases.map(\.rawValue))
        #expect(try words(waiting?["required"]) == WaitingKey.allCases.map(\.rawValue))
        let result = try schema("result").root
        #expect(try keys(result["properties"]) == ResultKey.allCases.map(\.rawValue))
        let picture = PictureKey.allCases.map(\.rawValue)
        let parts: [(String, [String])] = [
            ("result", picture.filter { $0 != "view" }),
            ("view", picture.filter { !["images", "failed_views"].contains($0) }),
            ("batch", BatchKey.allCases.map(\.rawValue)), ("member", MemberKey.allCases.map(\.rawValue)),
            ("failed_view", FailedViewKey.allCases.map(\.rawValue)),
            ("removal", [ActionKey.removed.rawValue]), ("profile", [ActionKey.modelDescriptor.rawValue]),
            ("making", MakingKey.allCases.map(\.rawValue)), ("image", ImageKey.allCases.map(\.rawValue)),
            ("cost", CostKey.allCases.map(\.rawValue)), ("timing", TimingKey.allCases.map(\.rawValue)),
            ("error", ErrorKey.allCases.map(\.rawValue) + BatchKey.allCases.map(\.rawValue)),
            ("problem", ProblemKey.allCases.map(\.rawValue)),
        ]
        for (name, expected) in parts {
            #expect(try keys(result["$defs"]?[name]?["properties"]) == expected, "\(name)")
        }
    }

    @Test("the schemas have the words that the coders have")
    func sameWords() throws {
        let request = try schema("request").root["properties"]
        #expect(try words(request?["action"]?["enum"]) == JobAction.allCases.map(\.rawValue))
        #expect(try words(request?["kind"]?["enum"]) == PictureKind.allCases.map(\.rawValue))
        #expect(try words(request?["priority"]?["enum"]) == Priority.allCases.map(\.rawValue))
        let waiting = try schema("status").root["$defs"]?["waiting"]?["properties"]
        #expect(try words(waiting?["for"]?["enum"]) == WaitReason.allCases.map(\.rawValue))
        let error = try schema("result").root["$defs"]?["error"]?["properties"]
        #expect(try words(error?["code"]?["enum"]) == ResultCode.allCases.map(\.rawValue))
        #expect(try words(error?["stage"]?["enum"]) == Stage.allCases.map(\.rawValue))
    }

    @Test("every key of a schema has a description")
    func describesEverything() throws {
        for name in ["request", "status", "result"] {
            let root = try schema(name).root
            try describes(root, of: root, at: name)
            guard case .object(let parts)? = root["$defs"]?.value else { throw Unexpected() }
            for part in parts { try describes(part.node, of: root, at: "\(name).\(part.key)") }
        }
    }

    private func describes(_ node: JSONNode, of root: JSONNode, at path: String) throws {
        #expect(node["description"] != nil, "\(path)")
        guard case .object(let properties)? = node["properties"]?.value else { return }
        for property in properties {
            #expect(property.node["description"] != nil || property.node["$ref"] != nil, "\(path).\(property.key)")
        }
    }
}

@Suite("example files")
struct ExampleTests {
    @Test("every example of a request is taken, and written again as it is")
    func requests() throws {
        let paths = try ProjectFiles.list("Examples/requests")
        #expect(paths.count >= 8)
        var actions: Set<JobAction> = []
        for path in paths {
            let bytes = try ProjectFiles.read(path)
            let request = try JobRequest.decode(bytes)
            actions.insert(request.action)
            #expect(request.userID == "peichin")
            #expect(try JobRequest.decode(request.encode()) == request, "\(path)")
        }
        #expect(actions == Set(JobAction.allCases))
    }

    @Test("every example of a result is what the encoder writes, byte for byte, and reads back")
    func results() throws {
        let folder = "Tests/ContractTests/Examples"
        let status = try ProjectFiles.read("\(folder)/processing.status.json")
        #expect(status == Samples.status.encode())
        #expect(try StatusDocument.decode(status).encode() == status)
        for (name, document) in Samples.all {
            let bytes = try ProjectFiles.read("\(folder)/\(name).result.json")
            #expect(
                String(decoding: bytes, as: UTF8.self) == String(decoding: document.encode(), as: UTF8.self), "\(name)")
            #expect(try ResultDocument.decode(bytes).encode() == bytes, "\(name)")
        }
        #expect(try ProjectFiles.list(folder).count == Samples.all.count + 1)
    }
}
