// What becomes of a file in processing/ whose journal is lost, as a value.

import Contract
import Digest
import Linux
import Spool
import Testing

@testable import vizd

@Suite("A file without a journal")
struct LostFileTests {
    private let bytes = Array("{}".utf8)
    private var digest: SHA256Digest { SHA256.of(bytes) }
    private var another: SHA256Digest { SHA256.of([1]) }
    private var ownName: String { "a~" + digest.hex.prefix(8) }

    private func file(_ order: LostFile.Order, _ name: FileName = "a.json") throws -> LostFile {
        LostFile(claimed: try #require(Claimed(found: name)), content: .request(digest, order))
    }

    private func status(_ stage: Stage, provider: String? = "Runway ML") -> StatusDocument {
        StatusDocument(
            jobID: "a", progress: 20, stage: stage, message: "m", estimatedTime: 0, attempt: 1, userID: "u",
            outfitID: nil, provider: provider, updatedAt: Sample.now)
    }

    private func judge(_ file: LostFile, first: LostFile? = nil, trust: Bool = false) -> LostFate {
        LostVerdict.judge(file, first: first, trustsStatus: trust).fate
    }

    @Test("what a paid provider may have been asked for is unknown, with every status and with none")
    func paid() throws {
        var file = try file(.possible)
        for status in [nil] + Stage.allCases.map({ self.status($0) }) {
            file.status = status
            let fate = judge(file)
            guard case .failed(let name, .submissionUnknown) = fate else {
                Issue.record("\(fate)")
                continue
            }
            #expect(name.text == "a")
        }
    }

    @Test("a status that says prepare is believed only where that was asked for, and no later one ever is")
    func trust() throws {
        var file = try file(.possible)
        for stage in Stage.allCases {
            file.status = status(stage)
            let isBack = judge(file, trust: true) == .back("a.json")
            #expect(isBack == (stage == .prepare), "\(stage)")
        }
        file.status = nil
        #expect(judge(file, trust: true) != .back("a.json"))
    }

    @Test("what cannot have been paid for goes back under its name, or one of its own where that is taken there")
    func back() throws {
        for order in [LostFile.Order.never, .free] {
            var file = try file(order)
            file.status = status(.download)
            #expect(judge(file) == .back("a.json"))
            file.waiting = .other
            #expect(judge(file) == .back(FileName(ownName + ".json")))
            file.waiting = .same
            #expect(judge(file) == .duplicate)
        }
        let link = LostFile(claimed: try #require(Claimed(found: "a.json")), content: .unread)
        #expect(judge(link) == .back("a.json"))
    }

    @Test("a copy that waits in incoming/ of a request that may have been paid for goes; other bytes keep their name")
    func waiting() throws {
        var file = try file(.possible)
        file.waiting = .same
        let verdict = LostVerdict.judge(file, first: nil, trustsStatus: false)
        #expect(verdict.removesWaiting && verdict.reason.contains("no status file"))
        for (waiting, isFree) in [(LostFile.Waiting.other, true), (.nothing, false)] {
            (file.waiting, file.isNameFree) = (waiting, isFree)
            guard case .failed(let name, .submissionUnknown) = judge(file) else {
                Issue.record("\(judge(file))")
                continue
            }
            #expect(name.text == ownName)
            #expect(!LostVerdict.judge(file, first: nil, trustsStatus: false).removesWaiting)
        }
    }

    @Test("a request whose result is there is put beside it, whatever it may have cost")
    func ended() throws {
        for order in [LostFile.Order.never, .free, .possible] {
            var file = try file(order)
            for box in [Box.done, .failed] {
                file.ended = box
                #expect(judge(file) == .concluded(box))
            }
        }
    }

    @Test("a second request is a copy of the first, or its name is taken, or it runs where there is no first")
    func again() throws {
        var file = try file(.possible, ".again.1f.a.json")
        #expect(judge(file) == .back("a.json"))
        file.waiting = .other
        #expect(judge(file) == .back(FileName(ownName + ".json")))
        let twin = try self.file(.possible)
        #expect(judge(file, first: twin) == .duplicate)
        let other = LostFile(claimed: twin.claimed, content: .request(another, .possible))
        let link = LostFile(claimed: twin.claimed, content: .unread)
        for first in [other, link] {
            guard case .failed(let name, .nameTaken) = judge(file, first: first) else {
                Issue.record("\(judge(file, first: first))")
                continue
            }
            #expect(name.text == ownName)
        }
        file.landed = digest
        #expect(judge(file) == .duplicate)
        file.landed = another
        if case .failed(_, .nameTaken) = judge(file) {} else { Issue.record("\(judge(file))") }
    }

    @Test("a bad name fails as ever, and what cannot be read stays, whatever it is")
    func others() throws {
        let invalid = try file(.never, ".invalid.1f.tooLong.aaa.json")
        if case .failed(_, .invalidName) = judge(invalid) {} else { Issue.record("\(judge(invalid))") }
        for name: FileName in ["a.json", ".again.1f.a.json", ".invalid.1f.tooLong.aaa.json"] {
            let closed = LostFile(claimed: try #require(Claimed(found: name)), content: .closed("Why."))
            #expect(judge(closed, trust: true) == .stays("Why."))
        }
    }

    @Test("the provider that counts is the request's, else the configured one, unless the status names another")
    func orders() throws {
        func order(_ text: String, _ configured: String, _ shown: String? = nil) -> LostFile.Order {
            let info = Result<JobRequest, RequestFault> { () throws(RequestFault) in
                try JobRequest.decode(Array(text.utf8))
            }
            return LostFile.Order(info, configured: configured, shown: shown)
        }
        let plain = #"{"user_id":"u","outfit_id":"o"}"#
        #expect(order(plain, "flatlay") == .free && order(plain, "runway") == .possible)
        #expect(order(plain, "flatlay", "Flat lay") == .free && order(plain, "flatlay", "Runway ML") == .possible)
        let free = #"{"user_id":"u","outfit_id":"o","provider":"flatlay"}"#
        #expect(order(free, "runway") == .free)
        let paid = #"{"user_id":"u","outfit_id":"o","provider":"runway"}"#
        #expect(order(paid, "flatlay") == .possible)
        #expect(order(#"{"user_id":"u","outfit_id":"o","provider":"unheard-of"}"#, "flatlay") == .possible)
        #expect(order(#"{"user_id":"u","outfit_id":"o","action":"delete"}"#, "runway") == .never)
        for broken in ["{", "[]", #"{"user_id":"u"}"#] { #expect(order(broken, "runway") == .never) }
    }
}
