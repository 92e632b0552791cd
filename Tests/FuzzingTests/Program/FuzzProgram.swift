// The program around libFuzzer: the first argument names a target, the rest is libFuzzer's own.
//
// `list` names the targets, `seeds DIR` writes each target's seeds and dictionary there. A broken promise ends the
// process with a trap, as libFuzzer wants it, and its words on standard error before.

internal import CFuzzer
internal import Foundation

/// The target of this process: set once, before libFuzzer begins.
private nonisolated(unsafe) var current: FuzzTarget?

private func tryOne(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
    guard let current else { preconditionFailure("no target was chosen") }
    do {
        try current.check(Array(UnsafeBufferPointer(start: data, count: size)))
    } catch {
        FileHandle.standardError.write(Data("BREACH of \(current.name): \(error)\n".utf8))
        preconditionFailure("a promise does not hold")
    }
    return 0
}

@main
struct FuzzProgram {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { throw Breach("usage: vizd-fuzz list | seeds DIR | TARGET [libFuzzer's]") }
        // libFuzzer starts the program again for each part of a merge, with options alone.
        if arguments[1].hasPrefix("-"), let name = ProcessInfo.processInfo.environment[variable] {
            try fuzz(name, CommandLine.argc, CommandLine.unsafeArgv)
        }
        switch arguments[1] {
        case "list":
            let names = FuzzTargets.all.map { $0.name + "\n" }.joined()
            FileHandle.standardOutput.write(Data(names.utf8))
        case "seeds": try writeSeeds(to: URL(filePath: arguments[2]))
        default:
            setenv(variable, arguments[1], 1)
            let values = CommandLine.unsafeArgv
            values[1] = values[0]
            try fuzz(arguments[1], CommandLine.argc - 1, values + 1)
        }
    }

    /// Names the target to the processes that libFuzzer starts.
    private static let variable = "VIZD_FUZZ_TARGET"

    private static func fuzz(
        _ name: String, _ count: CInt, _ values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    ) throws {
        guard let target = FuzzTargets.all.first(where: { $0.name == name }) else {
            throw Breach("there is no target \(name); `list` names them")
        }
        current = target
        var count = count
        var values: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = values
        exit(LLVMFuzzerRunDriver(&count, &values, tryOne))
    }

    private static func writeSeeds(to folder: URL) throws {
        for target in FuzzTargets.all {
            let place = folder.appending(path: target.name)
            try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
            for (number, seed) in target.seeds.enumerated() {
                try Data(seed).write(to: place.appending(path: "seed-\(number)"))
            }
            let lines = target.words.map { word in
                "\"" + word.utf8.map { "\\x" + ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\"\n"
            }
            try Data(lines.joined().utf8).write(to: folder.appending(path: "\(target.name).dict"))
        }
    }
}
