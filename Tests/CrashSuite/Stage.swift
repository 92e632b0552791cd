// Where a scenario is played: a spool, a wardrobe of one user, a state folder and a simulated Runway, all fresh for
// each trial. What takes long and is not looked at is done once: a template place has run vizd before, its garment
// photos are made ready, and every stage but that of a first start is a copy of it.

internal import Contract
internal import Foundation
internal import Linux
internal import RunwaySimulator
internal import TestSupport

/// A place to copy.
package final class Template: Sendable {
    private let site: Site
    static let user = "peichin"
    /// What the ids of outfits begin with whose picture is stored.
    static let filmed = "o-film-"
    /// What the ids of outfits begin with whose picture is stored and stands in their record.
    static let pictured = "o-pictured-"

    /// Makes a wardrobe with an outfit for each of these, and lets vizd run one job there.
    package init(outfits: [String]) throws {
        site = try Site(users: [])
        try Self.dress(site, outfits + ["warm"])
        let place = try RunwaySite(at: site, Self.quick)
        try site.deliver(Self.request("warm", outfit: "warm"), as: "warm.json")
        let daemon = try place.ready()
        _ = try daemon.result("warm", in: "done")
        try daemon.settled()
        guard try daemon.stop() == 0 else { throw Overdue(description: "the template's vizd did not end in order") }
        for name in ["warm.json", "warm.result.json"] { try site.box("done").unlink(FileName(name)) }
    }

    /// A stage for a scenario: a copy, or the wardrobe alone where vizd has never run.
    func stage(for scenario: CrashScenario) throws -> RunwaySite {
        let copy = try Site(users: [])
        let parts = scenario.isFirstStart ? ["wardrobe_photos"] : ["spool", "state", "wardrobe_photos"]
        for part in parts {
            try FileManager.default.removeItemIfPresent("\(copy.path)/\(part)")
            try FileManager.default.copyItem(atPath: "\(site.path)/\(part)", toPath: "\(copy.path)/\(part)")
        }
        return try RunwaySite(at: copy, Self.pace(of: scenario))
    }

    /// How long the simulator's tasks take.
    static func pace(of scenario: CrashScenario) -> (inout RunwayConfiguration) -> Void {
        if scenario.isSlow { return { slow(&$0) } }
        return { quick(&$0) }
    }

    /// A simulator whose tasks take no time worth waiting for.
    private static func quick(_ configuration: inout RunwayConfiguration) { configuration.duration = 0.02...0.02 }

    /// A simulator whose tasks outlast every trial.
    private static func slow(_ configuration: inout RunwayConfiguration) { configuration.duration = 300...300 }

    /// The request of a job.
    static func request(_ job: CrashJob) -> String {
        let more: String
        switch job.errand {
        case .delete?: return #"{"action":"delete","user_id":"\#(user)","outfit_id":"\#(job.outfit)"}"#
        case .setProfile(let text)?:
            return #"{"action":"set_profile","user_id":"\#(user)","model_descriptor":"\#(text)"}"#
        case nil: break
        }
        switch job.shape {
        case .single: return request(job.name, outfit: job.outfit, isFilm: job.isFilm, isAnew: job.isAnew)
        case .batch(let outfits): more = #""outfit_ids":[\#(quoted(outfits))]"#
        case .views(let views):
            let list = views.map { #"{"name":"\#($0)"}"# }.joined(separator: ",")
            more = #""outfit_id":"\#(job.outfit)","views":[\#(list)]"#
        }
        return #"{"user_id":"\#(user)",\#(more),"prompt":"\#(RunwaySite.mark(job.name))"}"#
    }

    private static func quoted(_ words: [String]) -> String { words.map { #""\#($0)""# }.joined(separator: ",") }

    /// A request whose tasks can be told from others'.
    static func request(_ name: String, outfit: String, isFilm: Bool = false, isAnew: Bool = false) -> String {
        let kind = (isFilm ? #","kind":"video""# : "") + (isAnew ? #","regenerate":true"# : "")
        return #"{"user_id":"\#(user)","outfit_id":"\#(outfit)","prompt":"\#(RunwaySite.mark(name))"\#(kind)}"#
    }

    /// One user with one garment and these outfits of it. `foreign` is the field of another program.
    private static func dress(_ site: Site, _ outfits: [String]) throws {
        let folder = "\(site.wardrobe)/\(user)"
        try Host.makeDirectories("\(folder)/items")
        let items = #"{"items":[{"name":"Tee","image_path":"items/tee.png"}],"styling_notes":"1e3"}"#
        let saved = outfits.map { outfit in
            let isPictured = outfit.hasPrefix(pictured)
            let entries = isPictured ? #","visualization_url":"x","visualizations":[{"job_id":"before"}]"# : ""
            return #"{"id":"\#(outfit)","n":1e3,"outfit_data":\#(items)\#(entries)}"#
        }
        let record = #"{"foreign":0,"saved":[\#(saved.joined(separator: ","))],"last_updated":"x"}"#
        try site.setRecord(Array(record.utf8), of: user)
        let photo = try Directory(path: "\(folder)/items").open("tee.png", .create)
        try photo.write(all: NoisePicture.png(edge: 96, seed: 1))
        let pictures = "\(folder)/items/visualizations"
        try Host.makeDirectories(pictures)
        for outfit in outfits where outfit.hasPrefix(filmed) || outfit.hasPrefix(pictured) {
            let still = try Directory(path: pictures).open(FileName("\(outfit).jpg"), .create)
            try still.write(all: NoisePicture.png(edge: 96, seed: 2))
        }
    }
}

extension FileManager {
    fileprivate func removeItemIfPresent(_ path: String) throws {
        if fileExists(atPath: path) { try removeItem(atPath: path) }
    }
}
