// What providers answer: any bytes are a task's state, a fault or nothing, with figures and words that can be used.

import Transfer

@testable import Contract
@testable import Providers

extension FuzzTarget {
    private static let tasks = [
        #"{"id":"17966b5e-6a4f-4b7a-9b6d-1c1d3a4b5c6d","estimatedCost":{"credits":8},"status":"RUNNING","progress":0.5}"#,
        #"{"status":"SUCCEEDED","output":["https://x.test/a?b=c"],"cost":{"credits":8}}"#,
        #"{"status":"FAILED","failure":"words","failureCode":"SAFETY.INPUT.TEXT","cost":{"credits":0}}"#,
        #"{"id":"p-1","status":"completed","output":["https://cdn.test/o.png"],"error":null}"#,
        #"{"status":"failed","error":{"name":"ImageLoadError","message":"m"}}"#,
        #"{"id":"a-b","polling_url":"https://api.eu1.bfl.ai/v1/get_result?id=a-b","cost":4.5,"status":"Pending"}"#,
        #"{"status":"Ready","result":{"sample":"https://d.test/s.jpg"},"cost":3}"#,
        #"{"status":"Content Moderated","details":{"Moderation Reasons":["Derivative Works"]},"progress":1}"#,
        #"{"uploadUrl":"https://u.test/","fields":{"key":"v"},"runwayUri":"runway://x"}"#,
        #"{"tier":{"models":{"gen4_image":{"maxConcurrentGenerations":2,"maxDailyGenerations":9}}},"#
            + #""creditBalance":100,"usage":{"models":{"gen4_image":{"dailyGenerations":3}}}}"#,
    ]
    private static let answerWords =
        jsonWords + [
            "\"status\":", "\"output\":", "\"cost\":", "\"credits\":", "\"progress\":", "\"error\":", "\"id\":",
            "\"failureCode\":", "\"SUCCEEDED\"", "\"FAILED\"", "\"THROTTLED\"", "\"RUNNING\"", "\"CANCELLED\"",
            "\"Ready\"", "\"Error\"", "\"completed\"", "\"time_out\"", "\"details\":", "\"detail\":", "\"message\":",
            "https://", "http://", "1e9", "1e309", "-1", "\"sample\":", "\"result\":", "\"polling_url\":",
        ]

    private static func quote(_ text: String) -> String { ServiceQuote.shown(text, key: "key-0123456789") }

    /// Tasks, tickets and accounts of every service.
    static let answers = FuzzTarget("answers", executions: 20_000, seeds: tasks, words: answerWords) { bytes in
        let answer = TransferAnswer(status: 200, headers: [TransferHeader("x-fashn-credits-used", "1")], body: bytes)
        let states = [
            RunwayTask.state(bytes, quote: quote), FashnPrediction.state(answer, quote: quote),
            BFLTask.state(bytes, agreed: nil, quote: quote),
        ]
        for state in states.compactMap(\.self) { try isUsable(state) }
        if let created = RunwayCreated(bytes) {
            try hold(TaskHandle(created.taskID).id == created.taskID, "\(created)")
        }
        if let id = FashnCreated.id(bytes) { try hold(FashnCreated.isID(id), "an id that is none: \(id)") }
        if let ticket = BFLTicket(created: bytes) {
            try hold(BFLTicket(ticket.text) == ticket, "a ticket reads back as another: \(ticket.text)")
        }
        if let slot = RunwaySlot(bytes) {
            let form = MultipartForm(fields: slot.fields, fileName: "f", file: [1], boundary: "b")
            try hold(!form.bytes.isEmpty, "an empty form")
        }
        if let account = RunwayAccount.read(bytes) {
            try hold(account.balance.map { $0.isFinite } ?? true, "a balance of \(account.balance ?? 0)")
        }
    }

    private static func isUsable(_ state: TaskState) throws {
        switch state {
        case .waiting(.unknown(let text)): try isFitToPrint(text)
        case .waiting: break
        case .running(let progress): try hold(progress.map { (0...1).contains($0) } ?? true, "progress: \(state)")
        case .done(let outputs, let price):
            try hold(!outputs.isEmpty, "finished without an address")
            try isSane(price)
        case .failed(let failure, let price):
            try isFitToPrint(failure.message)
            try isFitToPrint(failure.providerCode ?? "")
            try isSane(price)
        case .gone(_, let message, let price):
            try isFitToPrint(message)
            try isSane(price)
        }
    }

    private static func isSane(_ price: Price?) throws {
        guard let price else { return }
        try hold(price.microdollars >= 0 && price.credits.map { $0 >= 0 && $0.isFinite } ?? true, "\(price)")
    }

    /// Answers without success: a status, two headers and a body. The first line is `STATUS|Retry-After|Date`.
    static let refusals = FuzzTarget(
        "refusals", executions: 20_000,
        seeds: [
            "429|17|\n{}",
            "400||\n" + #"{"error":"Validation of body failed","issues":[{"path":["a",1],"message":"m"}]}"#,
            "503|Sun, 06 Nov 2033 08:49:37 GMT|Sun, 06 Nov 2033 08:49:07 GMT\nbusy",
            "401||\n" + #"{"error":{"code":"invalid_api_key","message":"sk-abc","type":"t"}}"#,
            "422||\n" + #"{"detail":[{"loc":["body","prompt"],"msg":"too long"}]}"#,
            "500|9999999999|\n" + #"{"message":"m","error":"OutOfCredits"}"#,
        ],
        words: answerWords + ["Fri, 31 Dec 9999 23:59:59 GMT", "Mon, 01 Jan 0001 00:00:00 GMT", "|", "Retry", "1e400"]
    ) { bytes in
        let answer = answer(bytes)
        let service = Service(id: "fashn", displayName: "FASHN AI", portal: "p")
        let failures = ServiceFailures(service: service, quote: { quote($0) })
        let refused = [
            RunwayFailures.refusal("the order", answer, quote: quote), OpenAIFailures.refusal(answer, quote: quote),
            failures.refusal("the order", answer, FashnRefusal.words(answer.body)),
            failures.refusal("the order", answer, BFLRefusal.words(answer.body, quote: quote)),
            failures.later("the task", answer), failures.unreadable("the task", answer),
        ]
        for failure in refused {
            try isFitToPrint(failure.message)
            try isFitToPrint(failure.providerCode ?? "")
            if case .later(let seconds?) = failure.retry {
                try hold(seconds > 0 && seconds <= RetryAfter.longest, "to be asked again after \(seconds) s")
            }
        }
    }

    private static func answer(_ bytes: [UInt8]) -> TransferAnswer {
        let line = bytes.prefix { $0 != 0x0A }
        let parts = String(decoding: line, as: UTF8.self).split(separator: "|", omittingEmptySubsequences: false)
        let header = { (name: String, place: Int) in
            parts.count > place && !parts[place].isEmpty ? [TransferHeader(name, String(parts[place]))] : []
        }
        let status = parts.first.flatMap { Int($0) }.map { min(max($0, 100), 599) } ?? 500
        return TransferAnswer(
            status: status, headers: header("Retry-After", 1) + header("Date", 2),
            body: Array(bytes.dropFirst(line.count + 1)))
    }

    /// OpenAI's answer with the picture in it: never more bytes than the limit, and nothing that is no picture.
    static let picturesInAnswers = FuzzTarget(
        "pictures-in-answers", executions: 20_000,
        seeds: [
            #"{"data":[{"b64_json":"iVBORw0KGgo="}],"usage":{"input_tokens":1,"output_tokens":2,"total_tokens":3}}"#,
            #"{"b64_json" : "/9j/","b64_json":"AA"}"#, #"{"data":[{"b64_json":"UklGRgAAAABXRUJQ\n"}]}"#,
        ],
        words: answerWords + ["\"b64_json\":\"", "b64_json", "iVBORw0K", "====", "\"usage\":", "\\/"]
    ) { bytes in
        guard let answer = OpenAIAnswer(bytes, limit: 256) else { return }
        if case .whole(let picture) = answer.picture {
            try hold(picture.count <= 256, "\(picture.count) bytes where 256 are allowed")
        }
    }

    /// What an exec program says on its standard output, in pieces.
    static let talk = FuzzTarget(
        "talk", executions: 20_000,
        seeds: ["progress 0.4 words\n/tmp/p.png\n", "progress 40%\r\nx\n", "\nprogress nan\n"],
        words: ["progress ", "%", "\n", "\r\n", "1e400", "inf", "0x1p3", "\u{202E}"]
    ) { bytes in
        var whole = ExecTalk()
        whole.hear(bytes)
        whole.end()
        var pieces = ExecTalk()
        for byte in bytes { pieces.hear([byte]) }
        pieces.end()
        try hold(whole.path == pieces.path && whole.progress == pieces.progress, "in pieces it says something else")
        if let part = whole.progress?.fraction { try hold((0...1).contains(part), "a progress of \(part)") }
        try isFitToPrint(whole.progress?.words ?? "")
        whole.mind(bytes)
        try isFitToPrint(whole.complaint ?? "")
    }
}
