// The model's world: disk, journal, the pictures, and a provider that writes down everything it was ever asked to make.
// The provider's own list is the witness: it does not forget in a crash, and it knows nothing of vizd's intentions.

import Contract
import Ledger

/// Who makes the pictures.
enum ModelVendor: String, CaseIterable {
    /// Charges nothing and answers with the picture: the flat lay.
    case free
    /// Charges, and answers with the picture.
    case paidAnswer
    /// Charges, and answers with a task: Runway.
    case paidTask

    var price: Money { self == .free ? .free : Money(credits: 8, usdMicros: 80_000) }
}

/// Something that the provider was asked to make, and did begin.
struct ModelOrder: Hashable {
    enum Fate: Hashable {
        case running, done
        /// It came to nothing, and cost nothing.
        case failedFree
        /// It came to nothing, and was charged.
        case failedCharged
        /// The provider knows it no more.
        case gone
    }

    /// The run of the job that ordered it.
    let run: Int
    let attempt: Int
    var fate: Fate
    /// A result has said of it that nobody knows whether it was ordered, and a person has put the request back.
    var isForgiven = false

    /// Whether a picture was bought, or may yet be.
    var mayBePaid: Bool { fate == .running || fate == .done }
    var id: String { "task \(run).\(attempt)" }
}

/// Everything that outlives the process.
struct ModelWorld: Hashable {
    var disk = ModelDisk(ModelEntries(incoming: true))
    var books = ModelBooks()
    var orders: [ModelOrder] = []
    /// The picture lies whole in `work/`.
    var isKept = false
    /// The picture lies where it stays.
    var isStored = false
    /// The record names it.
    var isRecorded = false
    /// `NAME.cancel` lies in incoming/.
    var isWished = false
    /// It lay there once.
    var wasWished = false
    /// How many more things may go wrong outside of vizd.
    var mishaps: Int
    /// How many more times a person may move the request or take it away.
    var interventions: Int
    /// How many more times the program may die.
    var deaths: Int
    /// The way here, for a failure's text.
    var story = Story()

    /// What happened, in words. It takes no part in comparisons: two ways to one world are one world.
    struct Story: Hashable {
        var lines: [String] = []

        static func == (one: Story, other: Story) -> Bool { true }
        func hash(into hasher: inout Hasher) {}
    }

    /// The same with one thing less that may go wrong, and what it was; nil when that was used up.
    func after(_ mishap: String) -> ModelWorld? {
        guard mishaps > 0 else { return nil }
        var world = self
        world.mishaps -= 1
        world.story.lines.append(mishap)
        return world
    }

    mutating func tell(_ line: String) { story.lines.append(line) }

    // MARK: Between two lives

    /// Everything that a death of the program at this moment may leave, by kill and by power cut.
    var afterDeath: Set<ModelWorld> {
        guard deaths > 0 else { return [] }
        var images: Set<ModelWorld> = []
        for (disk, how) in [(disk.afterKill, "killed")] + disk.afterPowerCut.map({ ($0, "power cut") }) {
            var world = self
            world.disk = disk
            world.deaths -= 1
            world.tell(how)
            images.insert(world)
        }
        return images
    }

    /// What people may do to the files of a job whose result they see, or whose request they take for lost.
    var afterIntervention: [ModelWorld] {
        guard interventions > 0 else { return [] }
        var worlds: [ModelWorld] = []
        let result = disk.now.doneResult ?? disk.now.failedResult
        if result != nil, !disk.now.incoming, disk.now.processing == false {
            worlds.append(intervening("somebody moves the request back") { $0.takeBack() })
            worlds.append(
                intervening("somebody drops the same request again") { world in
                    world.disk.now.incoming = true
                    world.forgive()
                })
        }
        if disk.now.processing, books.row?.phase.isOpen == true {
            worlds.append(
                intervening("somebody removes the request from processing/") { $0.disk.now.processing = false })
        }
        if let wished = afterWish { worlds.append(wished) }
        if isKept, books.row?.phase == .fetched || books.row?.phase == .landed {
            worlds.append(intervening("somebody empties work/") { $0.isKept = false })
        }
        return worlds
    }

    /// The same with a wish that the job end; nil where nobody may wish anything, or nothing is left to end.
    var afterWish: ModelWorld? {
        guard interventions > 0, !isWished, disk.now.incoming || books.row?.phase.isOpen == true else { return nil }
        return intervening("somebody wishes it to end") { ($0.isWished, $0.wasWished) = (true, true) }
    }

    private func intervening(_ what: String, _ body: (inout ModelWorld) -> Void) -> ModelWorld {
        var world = self
        world.interventions -= 1
        world.tell(what)
        body(&world)
        return world
    }

    /// `mv done/NAME.json incoming/`, or from `failed/`. Who does that after `submission_unknown`, a charged failure,
    /// a task that is gone or was given up, or an answer whose picture is none has read that it may cost once more.
    private mutating func takeBack() {
        (disk.now.incoming, disk.now.done, disk.now.failed) = (true, false, false)
        forgive()
    }

    private mutating func forgive() {
        guard let bytes = disk.now.failedResult else { return }
        let code = String(decoding: bytes, as: UTF8.self).split(separator: " ").last.flatMap {
            ResultCode(rawValue: String($0))
        }
        let codes: [ResultCode] = [.submissionUnknown, .generationFailed, .moderation, .cancelled]
        // What came with the answer cannot be fetched again.
        let isSpent = code == .notAnImage && books.attempts.last?.isSpent == true
        guard let code, codes.contains(code) || isSpent else { return }
        for index in orders.indices { orders[index].isForgiven = true }
    }
}
