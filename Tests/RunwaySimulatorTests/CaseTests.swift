// The table of requests that the real service takes and refuses, run against the simulator one by one.

import Contract
import Foundation
import Testing

@testable import RunwaySimulator

/// A row of `runway_cases.json`.
struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let request: [UInt8]
    let isAccepted: Bool
    let stage: String?
    let code: String?
    let path: String?
    let assets: [String: FakeAsset]
    let removedHeaders: [String]
    let credits: Int?
    let uploads: Set<String>

    var testDescription: String { name }

    /// Every row of the file.
    static let all: [Case] = {
        let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "runway_cases.json")
        do {
            let rows = try JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [[String: Any]] ?? []
            return try rows.map(Case.init)
        } catch {
            preconditionFailure("\(file.path) cannot be read: \(error)")
        }
    }()

    init(_ row: [String: Any]) throws {
        name = row["name"] as? String ?? ""
        request = Array(try JSONSerialization.data(withJSONObject: Case.expanded(row["request"] ?? [:])))
        isAccepted = row["expect"] as? String == "ok"
        stage = row["stage"] as? String
        let issue = row["issue"] as? [String: Any]
        code = issue?["code"] as? String
        path = (issue?["path"] as? [Any])?.map { "\($0)" }.joined(separator: "/")
        let account = row["account"] as? [String: Any]
        credits = account?["creditBalance"] as? Int
        uploads = Set(account?["knownUploads"] as? [String] ?? [])
        let headers = row["headers"] as? [String: Any] ?? [:]
        removedHeaders = headers.filter { $0.value is NSNull }.map(\.key)
        assets = (row["assets"] as? [String: [String: Any]] ?? [:]).mapValues { asset in
            FakeAsset(
                status: asset["status"] as? Int ?? 0, contentType: asset["contentType"] as? String,
                contentLength: asset["contentLength"] as? Int, width: asset["width"] as? Int ?? 0,
                height: asset["height"] as? Int ?? 0, answersHead: asset["head"] as? Bool ?? false)
        }
    }

    /// `{{X*N}}` in a text is X repeated N times.
    private static func expanded(_ value: Any) -> Any {
        if let list = value as? [Any] { return list.map(expanded) }
        if let object = value as? [String: Any] { return object.mapValues(expanded) }
        guard let text = value as? String, let start = text.range(of: "{{"), let end = text.range(of: "}}"),
            let star = text[start.upperBound..<end.lowerBound].lastIndex(of: "*"),
            let count = Int(text[text.index(after: star)..<end.lowerBound])
        else { return value }
        let piece = String(repeating: String(text[start.upperBound..<star]), count: count)
        return text[..<start.lowerBound] + piece + text[end.upperBound...]
    }
}

@Suite("Runway's own rules")
struct CaseTests {
    @Test("the table has all of its 145 rows")
    func isWhole() {
        #expect(Case.all.count == 145)
        #expect(Set(Case.all.map(\.name)).count == 145)
        #expect(Case.all.count(where: \.isAccepted) > 40)
    }

    @Test("a request is accepted or refused as the real service does it, and for its reason", arguments: Case.all)
    func holds(_ row: Case) throws {
        var configuration = RunwayConfiguration()
        configuration.assets = row.assets
        configuration.knownUploads = row.uploads
        configuration.credits = row.credits ?? 1000
        let simulator = try RunwaySimulator(configuration)
        var caller = Caller(simulator)
        for name in row.removedHeaders { caller.changes[name] = .some(nil) }
        let exchange = try caller.call("POST", "/v1/text_to_image", row.request)
        let answer = String(decoding: exchange.body.prefix(2000), as: UTF8.self)
        #expect(exchange.status == (row.isAccepted ? 200 : 400), "\(answer)")
        #expect(simulator.books.tasks.count == (row.isAccepted ? 1 : 0))
        #expect(simulator.books.createsReceived == 1)
        #expect(simulator.books.createsRefused == (row.isAccepted ? 0 : 1))
        #expect(stage(row, try exchange.json()) == row.stage, "\(answer)")
        guard let code = row.code else { return }
        let found = try exchange.json()["issues"]?.elements ?? []
        #expect(
            found.contains { issue in
                let path = issue["path"]?.elements.map { $0.text ?? $0.number.map { String(Int($0)) } ?? "" }
                return issue["code"]?.text == code && path?.joined(separator: "/") == row.path
            }, "\(answer)")
    }

    /// Where the request stopped: the schema and the assets are asked by themselves, the rest is read off the answer.
    private func stage(_ row: Case, _ answer: JSONNode) -> String? {
        guard let error = answer["error"]?.text else { return nil }
        guard let issues = answer["issues"] else {
            return error.contains("credits") ? "account" : error.contains("X-Runway-Version") ? "header" : "?"
        }
        do {
            if case .issues = Orders.textToImage(try JSONDocument(parsing: row.request).root) { return "schema" }
        } catch {
            return "?"
        }
        return issues.elements.allSatisfy { $0["code"]?.text == "custom" } ? "asset" : "?"
    }
}
