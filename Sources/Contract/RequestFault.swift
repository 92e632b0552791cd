// Why a request was refused: all of its problems, not the first.
//
// What a person needs to mend the file in one go, and what a program needs to say which job it was. The list is
// bounded, so that a file of a million faults makes no result of a million lines.

/// One thing wrong with a document, and where.
package struct Problem: Equatable, Sendable {
    /// `user_id`, `views[1].name`, `outfit.items[0].image`; empty for the document as a whole.
    package let path: String
    /// The rest of a sentence that begins with the path: `has 612 characters; 1 to 500 are allowed`.
    package let message: String

    /// A problem at a path.
    package init(path: String, message: String) {
        self.path = path
        self.message = message
    }
}

/// A request that does not keep to the contract.
package struct RequestFault: Error, Equatable, Sendable {
    /// `invalid_json` or `invalid_request`.
    package let code: ResultCode
    /// A sentence for a person: what is wrong and what to do.
    package let message: String
    /// Every problem of an `invalid_request`, in the order in which they were found, at most `RequestLimit.problems`
    /// and one line that counts the rest. Empty for `invalid_json`.
    package let details: [Problem]
    /// The user, where the request has a valid one.
    package let userID: String?
    /// The outfit, where the request has a valid one.
    package let outfitID: String?
}

extension RequestFault {
    init(notJSON fault: JSONFault) {
        code = .invalidJSON
        message = "The request is not valid JSON: \(fault.message). Mend the file and deliver it again."
        details = []
        userID = nil
        outfitID = nil
    }

    init(problems: ProblemList, userID: String?, outfitID: String?) {
        code = .invalidRequest
        details = problems.listed
        self.userID = userID
        self.outfitID = outfitID
        let first = problems.listed.first.map { $0.path.isEmpty ? $0.message : "\($0.path) \($0.message)" } ?? ""
        let all =
            problems.count == 1 ? "The request was refused" : "The request has \(problems.count) problems, the first"
        message = "\(all): \(first). Mend the file and deliver it again."
    }
}

/// The problems found so far.
struct ProblemList {
    private var problems: [Problem] = []
    /// How many there are, listed or not.
    private(set) var count = 0

    /// Whether one more problem would be listed; if not, it need not be put into words.
    var hasRoom: Bool { problems.count < RequestLimit.problems }

    mutating func add(_ path: String, _ message: @autoclosure () -> String) {
        if hasRoom { problems.append(Problem(path: path, message: message())) }
        count += 1
    }

    /// The problems as they are shown.
    var listed: [Problem] {
        let more = count - problems.count
        return more == 0 ? problems : problems + [Problem(path: "", message: "and \(more) more")]
    }
}
