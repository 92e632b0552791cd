// Any program of the operator's: a request in JSON on its standard input, a picture's path on its standard output.
//
// It costs nothing in the books, and a run that nobody knows the end of left nothing behind: so it is run again after
// a crash. Between vizd and the program stands a keeper (`KeptProgram`), which ends all of it with the run. What the
// program says becomes the answer here; whatever it does it spoils its own picture and no more.

internal import Contract
package import Linux

/// A program that makes pictures.
package struct Exec: Provider {
    private let settings: ExecSettings
    private let parent: Directory
    private let pool: BlockingPool

    /// - Parameters:
    ///   - settings: with a command.
    ///   - parent: the folder for the folders of its runs.
    init(_ settings: ExecSettings, in parent: Directory) {
        precondition(!settings.command.isEmpty, "a program without a path")
        (self.settings, self.parent) = (settings, parent)
        pool = BlockingPool(threads: settings.concurrent, name: "vizd-exec")
    }

    /// The provider as the configuration has it, or what it lacks.
    package static func entry(_ environment: ProviderEnvironment) -> ProviderEntry {
        let settings = environment.exec
        guard !settings.command.isEmpty, let parent = settings.folder else {
            return .missing(id: "exec", displayName: "exec", setting: "exec.command")
        }
        return .ready(Exec(settings, in: parent))
    }

    /// What a program is taken to be able to do; it says itself what it cannot.
    package static let traits = ProviderTraits(
        id: "exec", displayName: "exec",
        models: [
            ModelTraits(
                name: "exec", sizes: .free(sides: 64...4096, slenderness: 4),
                defaultSize: PixelSize(width: 768, height: 1024),
                references: ReferenceRule(count: 1...16, sharesSheets: true),
                prompt: PromptRule(limit: 4000, unit: .scalars, mention: .number(word: "image")), takesSeed: true,
                takesPersonImage: false, kinds: [.image])
        ],
        isFree: true, hasLongCalls: true)

    package var traits: ProviderTraits { Exec.traits }

    /// Nothing.
    package func price(_ order: Order) -> Price { .free }

    /// What may run at once is the configuration's; nothing is started ahead of it.
    package func account() async throws(ProviderFailure) -> Account? {
        let allowance = Allowance(atOnce: settings.concurrent)
        return Account(balance: nil, models: [traits.models[0].name: allowance])
    }

    /// Removes what runs of an earlier start of vizd have left in the folder. Nothing may be running.
    /// - Returns: a sentence for each thing that could not be removed.
    package static func sweep(_ folder: Directory) -> [String] {
        var troubles: [String] = []
        do throws(SystemFailure) {
            for name in try folder.names() {
                do throws(SystemFailure) {
                    try ExecFolder.removeTree(name, in: folder)
                } catch {
                    troubles.append("\(error)")
                }
            }
        } catch {
            troubles.append("\(error)")
        }
        return troubles
    }

    /// Runs the program.
    package func submit(_ order: Order) async -> Submission { await submit(order) { _ in } }

    /// Runs the program, and tells its progress. A cancelled task ends it.
    package func submit(_ order: Order, progress: @escaping @Sendable (CallProgress) -> Void) async -> Submission {
        let stop: ExecStop
        do throws(SystemFailure) { stop = try ExecStop() } catch { return .refused(ExecFailures.machine(error)) }
        return await withTaskCancellationHandler {
            await pool.run { run(order, stop, progress) }
        } onCancel: {
            stop.stop()
        }
    }

    /// One run, on a thread of the pool.
    private func run(_ order: Order, _ stop: ExecStop, _ progress: @escaping @Sendable (CallProgress) -> Void)
        -> Submission
    {
        if stop.isStopped { return .refused(ExecFailures.stopped) }
        do throws(SystemFailure) {
            let folder = try ExecFolder(in: parent, name: "run-\(Random.hex(bytes: 8))", order)
            let answer: Submission
            do throws(SystemFailure) {
                answer = try made(folder, order, stop, progress)
            } catch {
                answer = .refused(ExecFailures.machine(error))
            }
            try folder.remove()
            return answer
        } catch {
            return .refused(ExecFailures.machine(error))
        }
    }

    private func made(
        _ folder: ExecFolder, _ order: Order, _ stop: ExecStop, _ progress: @escaping @Sendable (CallProgress) -> Void
    ) throws(SystemFailure) -> Submission {
        let run = ExecRun(
            settings: settings, folder: folder.directory, input: try folder.input(order), stop: stop, progress: progress
        )
        let (ending, talk) = try run.run()
        guard ending == .ended(.exited(code: 0)) else {
            return .refused(ExecFailures.failure(ending, talk, settings))
        }
        guard let path = talk.path else { return .refused(ExecFailures.unusable("named no picture", talk)) }
        switch folder.picture(path, limit: settings.outputBytes) {
        case .picture(let bytes): return .made(GeneratedPicture(bytes: bytes), price: .free)
        case .none(let what):
            return .refused(ExecFailures.unusable("named a picture that cannot be used: \(what)", talk))
        case .tooLarge: return .refused(ExecFailures.tooLarge(settings.outputBytes))
        }
    }
}
