// What the local wardrobe's parts share: where the root is, the threads that may block, the pace, and the sentences.

package import Contract
internal import Linux

/// Time and chance, as the wardrobe sees them.
package struct Pace: Sendable {
    /// The time of day.
    package var now: @Sendable () -> Timestamp
    /// Suspends the task for so long, or until it is cancelled.
    package var pause: @Sendable (Duration) async -> Void
    /// From 0 up to 1, for spreading waits.
    package var chance: @Sendable () -> Double

    package init(
        now: @escaping @Sendable () -> Timestamp, pause: @escaping @Sendable (Duration) async -> Void,
        chance: @escaping @Sendable () -> Double
    ) {
        (self.now, self.pause, self.chance) = (now, pause, chance)
    }

    /// The machine's clock and the runtime's timer.
    package static let real = Pace(
        now: { Timestamp(nanoseconds: WallClock.now()) },
        pause: { duration in
            // Cancelled: whoever waits goes on at once.
            do { try await Task.sleep(for: duration) } catch {}
        },
        chance: { Double.random(in: 0..<1) })
}

struct LocalStore: Sendable {
    /// The root's absolute path without a slash at its end.
    let root: String
    let pool: BlockingPool
    let pace: Pace
    let exchanges: Bool
    let reached: @Sendable (RewriteStep) -> Void

    /// The last component of the root's path: what `image_url`s begin with.
    var rootName: String { String(root.split(separator: "/").last ?? "") }

    /// The root is opened for each piece of work, so that a disk that is mounted anew is the one that is used.
    func rootFolder() throws(SystemFailure) -> Directory { try Directory(path: root) }

    /// A user's folder, nil where there is none.
    func folder(of user: UserID) throws(WardrobeFailure) -> UserFolder? {
        // In one step, and in two where that fails: they tell which of the folders it was.
        do throws(SystemFailure) { return UserFolder(try Directory(path: root, holding: user.folder)) } catch {}
        let folder: Directory
        do throws(SystemFailure) { folder = try rootFolder() } catch { throw .reading(error, "the wardrobe \(root)") }
        do throws(SystemFailure) {
            return UserFolder(try folder.directory(user.folder))
        } catch let error where error.errno == .notFound {
            return nil
        } catch {
            throw .reading(error, "\(root)/\(user)")
        }
    }

    // MARK: Sentences

    func path(_ name: FileName, _ user: UserID) -> String { "\(root)/\(user)/\(name)" }

    func unusable(_ name: FileName, _ what: String, _ user: UserID) -> WardrobeFailure {
        WardrobeFailure(.recordInvalid, "\(path(name, user)) cannot be used: \(what); correct the file")
    }
}
