// What the tests of the ledger share: samples, a folder that goes away, a journal in it.

import Contract
import Foundation
import GRDB
import Testing

@testable import Ledger

extension JobRow {
    static func sample(_ name: String, digest: [UInt8] = [UInt8](repeating: 1, count: 32)) -> JobRow {
        JobRow(name: name, run: 1, digest: digest, ownerUID: 1000, request: nil, claimedAt: .at(0))
    }
}

extension Timestamp {
    /// So many seconds into 24 November 2026, UTC.
    static func at(_ seconds: Double) -> Timestamp {
        Timestamp(nanoseconds: 1_795_478_400_000_000_000 + Int64(seconds * 1e9))
    }
}

extension NewAttempt {
    static let paid = NewAttempt(
        provider: "runway", model: "gen4_image", userID: "peichin", estimate: Money(credits: 8, usdMicros: 80_000),
        freeOfCharge: false)
    static let free = NewAttempt(
        provider: "flatlay", model: nil, userID: "peichin", estimate: .free, freeOfCharge: true)
}

extension PictureNote {
    static let sample = PictureNote(
        file: "a.1.part", sha256: [UInt8](repeating: 7, count: 32), bytes: 412_331, width: 1080, height: 1440,
        contentType: "image/jpeg")
}

extension AdmissionRequest {
    static func sample(
        _ name: String, _ text: String = "{}", old: Admission.OldRequest = .nowhere, running: Bool = false,
        at: Timestamp = .at(0)
    ) -> AdmissionRequest {
        var digest = [UInt8](repeating: 0, count: 32)
        for (index, byte) in text.utf8.enumerated() { digest[index % 32] ^= byte &+ UInt8(index % 251) }
        return AdmissionRequest(
            name: name, digest: digest, ownerUID: 1000, request: Array(text.utf8), userID: "peichin", outfitID: "o-17",
            oldRequest: old, running: running, at: at)
    }
}

/// A folder of a test's own, removed with the last reference to it.
final class Folder: Sendable {
    let path: String
    var journal: String { path + "/vizd.sqlite" }

    init() throws {
        path = NSTemporaryDirectory() + "vizd-ledger-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit {
        do { try FileManager.default.removeItem(atPath: path) } catch { Issue.record(error) }
    }
}

extension Journal {
    func admit(_ request: AdmissionRequest) async throws -> Admitted {
        try #require(try await admit([request]).first)
    }
}

/// The code of the failure that a body throws; nil if it throws nothing.
func failureCode(_ body: () async throws -> Void) async -> JournalFailure.Code? {
    do {
        try await body()
        return nil
    } catch let failure as JournalFailure {
        return failure.code
    } catch {
        Issue.record(error)
        return nil
    }
}
