// The workloads: what is delivered, what the provider does to it, what people do meanwhile, and how each job may end.
// A scenario is a value; `Trial` plays it.

internal import Contract
internal import RunwaySimulator

/// One job of a scenario.
package struct CrashJob: Sendable {
    /// Its name; also stands in its prompt, so that its tasks can be told from others'.
    package let name: String
    /// An outfit of its own, unless another job's picture is to replace this one's.
    let outfit: String
    /// How it ends when nobody dies: nil is complete.
    let ending: ResultCode?
    /// What goes wrong with it at the provider, and how often.
    var trap: (place: FaultPlace, fault: Fault, count: Int)?
    /// Whether somebody moves it back.
    var putBack = PutBack.never
    /// Whether it asks for a film of the picture that is stored.
    var isFilm = false
    /// Whether it asks for a new picture although nothing has changed.
    var isAnew = false
    /// What it asks for.
    var shape = Shape.single
    /// What it asks for instead of a picture.
    var errand: Errand?
    /// When somebody wishes that it end.
    var wish = Wish.none

    /// One picture, or several in one request.
    enum Shape: Equatable, Sendable {
        case single
        /// Pictures of these outfits; `outfit` is none of it.
        case batch([String])
        /// Pictures of its outfit under these names.
        case views([String])
    }

    /// A request that makes no picture.
    enum Errand: Equatable, Sendable {
        /// Its outfit's pictures and their entries go.
        case delete
        /// The profile gets this descriptor.
        case setProfile(String)
    }

    /// When a `NAME.cancel` is dropped.
    enum Wish: Sendable {
        case none
        /// Beside the request.
        case atOnce
        /// When its task is at work.
        case atWork
    }

    /// The outfits that it makes pictures of.
    var outfits: [String] {
        if case .batch(let outfits) = shape { outfits } else { [outfit] }
    }

    /// How many orders it makes.
    var orders: Int {
        if errand != nil { return 0 }
        return switch shape {
        case .single: 1
        case .batch(let parts), .views(let parts): parts.count
        }
    }

    /// What people do with a request that has landed.
    enum PutBack: Sendable {
        case never
        /// From done/, once.
        case once
        /// From failed/, until it is complete: who puts it back in the moment before a crash may find it there again.
        case untilComplete
    }

    init(_ name: String, outfit: String? = nil, ends ending: ResultCode? = nil) {
        (self.name, self.outfit, self.ending) = (name, outfit ?? "o-\(name)", ending)
    }

    /// The same with a trap at the provider.
    func with(_ fault: Fault, at place: FaultPlace, count: Int = 1) -> CrashJob {
        var job = self
        job.trap = (place, fault, count)
        return job
    }

    /// A film of an outfit whose picture is there (`Template`).
    static func film(_ name: String) -> CrashJob {
        var job = CrashJob(name, outfit: Template.filmed + name)
        job.isFilm = true
        return job
    }

    /// The same, never answered from a stored picture.
    func anew() -> CrashJob {
        var job = self
        job.isAnew = true
        return job
    }

    /// Takes out the pictures of an outfit that has one (`Template`).
    static func delete(_ name: String) -> CrashJob {
        var job = CrashJob(name, outfit: Template.pictured + name)
        job.errand = .delete
        return job
    }

    /// Sets the profile.
    static func setProfile(_ name: String, _ descriptor: String) -> CrashJob {
        var job = CrashJob(name)
        job.errand = .setProfile(descriptor)
        return job
    }

    /// The same, which somebody wishes to end.
    func cancelled(_ wish: Wish) -> CrashJob {
        var job = self
        job.wish = wish
        return job
    }

    /// The same for several pictures.
    func of(_ shape: Shape) -> CrashJob {
        var job = self
        job.shape = shape
        return job
    }

    /// The same, moved back.
    func moved(_ putBack: PutBack) -> CrashJob {
        var job = self
        job.putBack = putBack
        return job
    }
}

/// Another program that writes the same record.
package enum ForeignWriting: Sendable {
    case none
    /// It takes the lock that is written down for this.
    case locking
    /// It knows nothing of a lock.
    case careless
}

/// A workload.
package struct CrashScenario: Sendable {
    package let name: String
    /// A sentence.
    package let about: String
    let jobs: [CrashJob]
    var writing = ForeignWriting.none
    /// Whether vizd has never run at this place: journal, folders and ids are made on the way.
    var isFirstStart = false
    var settings: [String: String] = [:]
    /// Whether tasks take so long that only a cancellation ends them.
    var isSlow = false

    /// All of them, by name.
    package static let all: [CrashScenario] = [
        CrashScenario(name: "success", about: "Two jobs go well.", jobs: [CrashJob("a"), CrashJob("b")]),
        CrashScenario(
            name: "first", about: "The first job at a place where vizd has never run.", jobs: [CrashJob("a")],
            isFirstStart: true),
        CrashScenario(
            name: "refused", about: "The provider refuses one order for good; another goes well.",
            jobs: [
                CrashJob("a", ends: .providerRejected).with(.status(400), at: .create, count: Injection.forever),
                CrashJob("b"),
            ]),
        CrashScenario(
            name: "failed", about: "A task fails and is charged.",
            jobs: [
                CrashJob("a", ends: .moderation).with(.failure(code: "SAFETY.INPUT.TEXT"), at: .create)
            ]),
        CrashScenario(
            name: "lost", about: "The answer to a paid call is lost.",
            jobs: [CrashJob("a", ends: .submissionUnknown).with(.createThenDrop, at: .create)]),
        CrashScenario(
            name: "renewed", about: "The picture's address has expired and is renewed.",
            jobs: [CrashJob("a").with(.status(403), at: .download)]),
        CrashScenario(
            name: "retry", about: "A download fails for good; somebody moves the request back from failed/.",
            jobs: [CrashJob("a").with(.status(418), at: .download).moved(.untilComplete)]),
        CrashScenario(
            name: "rerun", about: "A complete job is moved back from done/ and has its picture made once more.",
            jobs: [CrashJob("a").moved(.once).anew()]),
        CrashScenario(
            name: "reuse", about: "A complete job is moved back from done/ and is answered from the stored picture.",
            jobs: [CrashJob("a").moved(.once)]),
        CrashScenario(
            name: "video", about: "Two films of stored pictures; one comes cut short and is fetched again.",
            jobs: [.film("a"), .film("b").with(.truncatedPicture, at: .download)]),
        CrashScenario(
            name: "batch", about: "A batch of two outfits, one of which the provider refuses.",
            jobs: [
                CrashJob("a").of(.batch(["o-a", "o-b"]))
                    .with(.status(400), at: .create)
            ]),
        CrashScenario(
            name: "views", about: "One outfit in two views.", jobs: [CrashJob("a").of(.views(["studio", "street"]))]),
        CrashScenario(
            name: "errands", about: "Pictures of an outfit are deleted, and a profile is set.",
            jobs: [.delete("a"), .setProfile("b", "Tall, curly hair")]),
        CrashScenario(
            name: "cancel", about: "One job is cancelled when its task is at work, another before it begins.",
            jobs: [
                CrashJob("a", ends: .cancelled).cancelled(.atWork),
                CrashJob("b", ends: .cancelled).cancelled(.atOnce),
            ], isSlow: true),
        CrashScenario(
            name: "locked", about: "Two jobs write one record while a program that locks writes it too.",
            jobs: [CrashJob("a"), CrashJob("b")], writing: .locking),
        CrashScenario(
            name: "careless", about: "Two jobs write one record while a program without a lock writes it too.",
            jobs: [CrashJob("a"), CrashJob("b")], writing: .careless),
    ]

    /// Whether somebody wishes one of its jobs to end.
    var hasWishes: Bool { jobs.contains { $0.wish != .none } }

    /// The one of this name.
    package static func named(_ name: String) -> CrashScenario? { all.first { $0.name == name } }
}
