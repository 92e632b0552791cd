// A wardrobe on a real disk: what is read from its records, which photos open, where pictures go.

import Contract
import Digest
import Linux
import Testing

@testable import Wardrobe

@Suite("the local wardrobe")
struct LocalWardrobeTests {
    private func example() throws -> TemporaryWardrobe {
        let place = try TemporaryWardrobe()
        for name in ["saved_outfits.json", "user_profile.json", "wardrobe_metadata.json"] {
            try TemporaryWardrobe.write(Records.bytes(name), to: FileName(name), in: place.folder)
        }
        return place
    }

    private func outfit(_ number: Int) -> OutfitID { OutfitID("8f14e45f-ceea-467f-a0e6-1d1c6d3a000\(number)")! }

    private func failure<Answer>(_ body: () async throws(WardrobeFailure) -> Answer) async -> WardrobeFailure? {
        do throws(WardrobeFailure) {
            _ = try await body()
            return nil
        } catch {
            return error
        }
    }

    // MARK: Records

    @Test("a profile is read as far as it goes, and a user without one has an empty one")
    func profiles() async throws {
        let place = try example()
        let wardrobe = place.wardrobe()
        #expect(
            try await wardrobe.profile(of: place.user)
                == Profile(
                    modelDescriptor: "Model: ~163 cm, ~150 lb, Asian woman, dark wavy chest-length hair",
                    styleWords: ["classic", "playful", "at ease"], feelingNow: "calm", wantToFeel: "bold"))
        #expect(try await wardrobe.profile(of: UserID("nobody")!) == Profile())
        try place.write(
            #"{"model_descriptor":" ","style_words":["a",1,null,""],"daily_emotion":"calm"}"#, to: "user_profile.json")
        #expect(try await wardrobe.profile(of: place.user) == Profile(styleWords: ["a"]))
    }

    @Test("an outfit's garments are looked up by id, by name, and then where the outfit says")
    func garments() async throws {
        let place = try example()
        let found = try await place.wardrobe().outfit(outfit(6), of: place.user)
        #expect(found.stylingNotes?.hasPrefix("The sneakers' path is stale") == true)
        #expect(
            found.items == [
                Garment(
                    id: "gone", name: "Lost scarf", category: "accessories",
                    candidates: ["wardrobe_photos/peichin/items/lost-scarf.jpg"]),
                Garment(
                    id: "item04", name: "Light blue sneakers", category: "shoes",
                    candidates: [
                        "wardrobe_photos/peichin/items/blue-sneakers.jpg",
                        "wardrobe_photos/peichin/items/renamed-away.jpg",
                    ]),
            ])
        try place.write(
            #"""
            {"items":[{"id":"a","styling_details":{"name":"Coat","category":"outerwear"},
              "system_metadata":{"image_path":"by-id"}},
             {"id":"b","styling_details":{"name":"Hat"},"system_metadata":{"image_path":"by-name"}}]}
            """#, to: "wardrobe_metadata.json")
        try place.write(
            #"""
            {"saved":[null,{"id":"o","outfit_data":{"items":[{"id":"a","name":"Hat","image_path":"own"},
              {"id":"a"},{"id":7,"image_path":"by-id"}]}}]}
            """#, to: "saved_outfits.json")
        #expect(
            try await place.wardrobe().outfit(OutfitID("o")!, of: place.user).items == [
                Garment(id: "a", name: "Hat", category: "outerwear", candidates: ["by-id", "by-name", "own"]),
                Garment(id: "a", name: "Coat", category: "outerwear", candidates: ["by-id"]),
                Garment(name: "garment", candidates: ["by-id"]),
            ])
    }

    @Test("what is missing is told with its code and its place")
    func missing() async throws {
        let place = try example()
        let wardrobe = place.wardrobe()
        let empty = await failure { () throws(WardrobeFailure) in try await wardrobe.outfit(outfit(5), of: place.user) }
        #expect(empty?.code == .noGarmentImages)
        let unknown = await failure { () throws(WardrobeFailure) in
            try await wardrobe.outfit(OutfitID("nope")!, of: place.user)
        }
        #expect(unknown?.code == .outfitNotFound)
        #expect(unknown?.message.contains("\(place.path)/peichin/saved_outfits.json") == true)
        let nobody = await failure { () throws(WardrobeFailure) in
            try await wardrobe.outfit(outfit(1), of: UserID("nobody")!)
        }
        #expect(nobody?.code == .outfitNotFound)
        let gone = await failure { () throws(WardrobeFailure) in
            try await wardrobe.record(update("nope", job: "j"), of: place.user)
        }
        #expect(gone?.code == .outfitNotFound)
        #expect(try place.read("saved_outfits.json").utf8.elementsEqual(Records.bytes("saved_outfits.json")))
    }

    @Test("a record that cannot be used is named with the place in it, and is not touched")
    func invalid() async throws {
        let texts = [
            ("{\"saved\": [\n", "line 2, column 1"), ("[]", "not a JSON object"),
            (#"{"saved":1}"#, "saved is not an array"),
            (#"{"saved":[{"id":"o","outfit_data":7}]}"#, "saved[0].outfit_data is not an object"),
            (#"{"saved":[{"id":"o","outfit_data":{"items":"x"}}]}"#, "saved[0].outfit_data.items is not an array"),
            (#"{"saved":[{"id":"o","outfit_data":{"items":[{},null]}}]}"#, "items[1] is not an object"),
        ]
        for (text, what) in texts {
            let place = try TemporaryWardrobe()
            try place.write(text, to: "saved_outfits.json")
            let failure = await failure { () throws(WardrobeFailure) in
                try await place.wardrobe().outfit(OutfitID("o")!, of: place.user)
            }
            #expect(failure?.code == .recordInvalid, "\(text)")
            #expect(failure?.message.contains(what) == true, "\(failure?.message ?? "")")
            #expect(try place.read("saved_outfits.json") == text)
        }
    }

    @Test("a broken record is not written to")
    func brokenRecord() async throws {
        let place = try TemporaryWardrobe()
        try place.write("{\"saved\": [", to: "saved_outfits.json")
        let failure = await failure { () throws(WardrobeFailure) in
            try await place.wardrobe().record(update("o", job: "j"), of: place.user)
        }
        #expect(failure?.code == .recordInvalid)
        #expect(try place.read("saved_outfits.json") == "{\"saved\": [")
        #expect(try place.names() == [".saved_outfits.lock", ".vizd", "saved_outfits.json"])
    }

    @Test("a record that is a link, a folder, a pipe or too large is invalid, also where a link leads to a good one")
    func strangeRecords() async throws {
        let good = TemporaryWardrobe.record(["o"])
        let strange: [@Sendable (TemporaryWardrobe) throws -> Void] = [
            {
                try $0.write(good, to: "real.json"); try $0.folder.symlink("saved_outfits.json", to: "real.json")
            },
            { try $0.folder.symlink("saved_outfits.json", to: "../../outside.json") },
            { try $0.folder.makeDirectory("saved_outfits.json", mode: 0o755) },
            { try $0.folder.makeFIFO("saved_outfits.json") },
            { try $0.folder.open("saved_outfits.json", .readWrite).setSize(UserFolder.recordLimit + 1) },
        ]
        for make in strange {
            let place = try TemporaryWardrobe()
            try TemporaryWardrobe.write(Array(good.utf8), to: "outside.json", in: place.parent)
            try make(place)
            let wardrobe = place.wardrobe()
            let read = await failure { () throws(WardrobeFailure) in
                try await wardrobe.outfit(OutfitID("o")!, of: place.user)
            }
            let written = await failure { () throws(WardrobeFailure) in
                try await wardrobe.record(update("o", job: "j"), of: place.user)
            }
            for failure in [read, written] {
                #expect(failure?.code == .recordInvalid)
                #expect(failure?.message.contains("saved_outfits.json") == true)
            }
        }
    }

    @Test("a user's folder that is a link is not entered")
    func linkedUser() async throws {
        let place = try TemporaryWardrobe()
        try place.write(TemporaryWardrobe.record(["o"]), to: "saved_outfits.json")
        try place.parent.makeDirectory("outside", mode: 0o755)
        try place.root.symlink("out", to: "../outside")
        try place.root.symlink("alias", to: "peichin")
        let wardrobe = place.wardrobe()
        for name in ["out", "alias"] {
            let user = UserID(name)!
            let read = await failure { () throws(WardrobeFailure) in try await wardrobe.profile(of: user) }
            #expect(read?.code == .recordInvalid)
            let stored = await failure { () throws(WardrobeFailure) in
                try await wardrobe.storePicture([1], for: StoredName(user: user, outfit: OutfitID("o")!)!)
            }
            #expect(stored?.code == .recordInvalid)
        }
        #expect(try place.parent.directory("outside").names() == [])
    }

    // MARK: Photos

    private func open(_ place: TemporaryWardrobe, _ paths: String...) async throws(WardrobeFailure) -> String {
        let photo = try await place.wardrobe().openPhoto(Garment(name: "Coat", candidates: paths), of: place.user)
        do {
            return String(decoding: try photo.file.read(limit: 100), as: UTF8.self) + " " + photo.path
        } catch {
            return "\(error)"
        }
    }

    @Test("a photo's path is taken from the root's parent, from the root and from the user's folder")
    func photoPaths() async throws {
        let place = try TemporaryWardrobe()
        let items = try place.folder.directory("items", createMode: 0o755)
        try TemporaryWardrobe.write([0x78], to: "a b.jpg", in: items)
        try TemporaryWardrobe.write([0x79], to: "own.jpg", in: try place.folder.directory("peichin", createMode: 0o755))
        try items.symlink("link.jpg", to: "../items/a b.jpg")
        for path in [
            "wardrobe_photos/peichin/items/a b.jpg", "peichin/items/a b.jpg", "items/a b.jpg", "./items/a b.jpg",
            "items/link.jpg", "items/../items//a b.jpg", "wardrobe_photos//peichin//items/a b.jpg",
            "peichin//items/a b.jpg",
        ] {
            #expect(try await open(place, path) == "x \(path)")
        }
        #expect(try await open(place, "peichin/own.jpg") == "y peichin/own.jpg")
        #expect(try await open(place, "items/gone.jpg", "items/a b.jpg") == "x items/a b.jpg")
    }

    @Test("no path leads to another user, out of the wardrobe, or to what is no photo")
    func refusedPhotos() async throws {
        let place = try TemporaryWardrobe()
        let other = try place.root.directory("other", createMode: 0o755)
        try TemporaryWardrobe.write([1], to: "secret.jpg", in: other)
        try TemporaryWardrobe.write([1], to: "secret.jpg", in: place.parent)
        try place.folder.symlink("out.jpg", to: "../../secret.jpg")
        try place.folder.symlink("neighbour", to: "../other")
        try place.folder.symlink("absolute.jpg", to: FileName("\(place.base)/secret.jpg"))
        try place.folder.symlink("loop.jpg", to: "loop.jpg")
        try place.folder.makeFIFO("pipe.jpg")
        try place.folder.makeDirectory("folder.jpg", mode: 0o755)
        try place.write("", to: "empty.jpg")
        let refused = [
            ("wardrobe_photos/other/secret.jpg", "no such file"), ("other/secret.jpg", "no such file"),
            ("../other/secret.jpg", "leads out"), ("wardrobe_photos/peichin/../other/secret.jpg", "leads out"),
            ("peichin/../../secret.jpg", "leads out"), ("\(place.base)/secret.jpg", "absolute"),
            ("out.jpg", "leads out"), ("neighbour/secret.jpg", "leads out"), ("absolute.jpg", "leads out"),
            ("loop.jpg", "links"), ("pipe.jpg", "a named pipe"), ("folder.jpg", "a folder"), ("empty.jpg", "empty"),
            ("", "empty"), ("a\0b", "NUL"), ("wardrobe_photos/peichin/", "folder"), (".", "folder"),
            ("HTTPS://example.org/x.jpg", "web"), ("http://example.org/x.jpg", "web"),
            (String(repeating: "x", count: 300), "too long"), ("empty.jpg/x", "not a folder"),
        ]
        for (path, why) in refused {
            let failure = await failure { () throws(WardrobeFailure) in try await open(place, path) }
            #expect(failure?.code == .garmentUnreadable, "\(path)")
            #expect(failure?.message.contains(why) == true, "\(path): \(failure?.message ?? "")")
        }
    }

    @Test("a photo that cannot be opened is told with every path that was tried")
    func everyPath() async throws {
        let place = try TemporaryWardrobe()
        let failure = await failure { () throws(WardrobeFailure) in try await open(place, "a.jpg", "../b.jpg") }
        #expect(
            failure?.message
                == "the photo of Coat cannot be opened (a.jpg: no such file; ../b.jpg: it leads out of the user's"
                + " folder):"
                + " put the file there, or correct its path in the wardrobe")
        let none = await self.failure { () throws(WardrobeFailure) in
            try await place.wardrobe().openPhoto(Garment(name: "Coat", candidates: []), of: place.user)
        }
        #expect(none?.code == .garmentUnreadable)
    }

    // MARK: Pictures

    @Test("a picture is stored under its name, over an older one, and nothing else is left")
    func pictures() async throws {
        let place = try TemporaryWardrobe()
        let wardrobe = place.wardrobe()
        let name = try #require(StoredName(user: place.user, outfit: OutfitID("o 17")!))
        _ = try await wardrobe.storePicture([1, 2], for: name)
        let stored = try await wardrobe.storePicture([1, 2, 3], for: name)
        #expect(
            stored
                == StoredPicture(
                    url: "wardrobe_photos/peichin/items/visualizations/o 17.jpg",
                    path: "\(place.path)/peichin/items/visualizations/o 17.jpg", sha256: SHA256.of([1, 2, 3]), bytes: 3)
        )
        #expect(try Host.readFile(stored.place.path, limit: 10) == [1, 2, 3])
        #expect(try place.folder.directory("items/visualizations").names() == ["o 17.jpg"])
        #expect(try place.folder.directory(".vizd").names() == [])
    }

    @Test("a view has a folder for its outfit, and a user without a folder gets one")
    func views() async throws {
        let place = try TemporaryWardrobe()
        let name = try #require(
            StoredName(user: UserID("new")!, outfit: OutfitID("o")!, view: "street-2", fileExtension: "mp4"))
        let stored = try await place.wardrobe().storePicture([1], for: name)
        #expect(stored.url == "wardrobe_photos/new/items/visualizations/views/o/street-2.mp4")
        #expect(try Host.readFile(stored.place.path, limit: 10) == [1])
    }

    @Test("a picture is not stored through a link, and a link of its own name is replaced")
    func linkedPictures() async throws {
        let place = try TemporaryWardrobe()
        try place.parent.makeDirectory("outside", mode: 0o755)
        let name = try #require(StoredName(user: place.user, outfit: OutfitID("o")!))
        let items = try place.folder.directory("items", createMode: 0o755)
        try items.symlink("visualizations", to: "../../../outside")
        let out = await failure { () throws(WardrobeFailure) in try await place.wardrobe().storePicture([1], for: name)
        }
        #expect(out?.code == .recordInvalid)
        #expect(try place.parent.directory("outside").names() == [])
        try items.unlink("visualizations")
        let pictures = try items.directory("visualizations", createMode: 0o755)
        try pictures.symlink("o.jpg", to: "../../../../outside/o.jpg")
        _ = try await place.wardrobe().storePicture([1], for: name)
        #expect(try pictures.info(of: "o.jpg").kind == .regular)
        #expect(try place.parent.directory("outside").names() == [])
    }

    @Test("a picture is read back as it was stored, and none that is not there, whoever the user is")
    func readPictures() async throws {
        let place = try TemporaryWardrobe()
        let wardrobe = place.wardrobe()
        let names = [
            StoredName(user: place.user, outfit: OutfitID("o")!)!,
            StoredName(user: place.user, outfit: OutfitID("o")!, view: "street")!,
            StoredName(user: UserID("new")!, outfit: OutfitID("o")!, fileExtension: "mp4")!,
        ]
        for name in names { #expect(try await wardrobe.readPicture(name) == nil) }
        for (number, name) in names.enumerated() { _ = try await wardrobe.storePicture([UInt8(number)], for: name) }
        for (number, name) in names.enumerated() { #expect(try await wardrobe.readPicture(name) == [UInt8(number)]) }
    }

    @Test("what has a picture's name and is none is told as such, and never read through a link")
    func strangePictures() async throws {
        let strange: [(String, @Sendable (Directory) throws -> Void)] = [
            ("symbolic link", { try $0.symlink("o.jpg", to: "p.jpg") }),
            ("symbolic link", { try $0.symlink("o.jpg", to: "../../../../outside.jpg") }),
            ("regular file", { try $0.makeDirectory("o.jpg", mode: 0o755) }),
            ("regular file", { try $0.makeFIFO("o.jpg") }),
            ("256 MiB", { try $0.open("o.jpg", .create).setSize(StoredPicture.limit + 1) }),
        ]
        for (words, make) in strange {
            let place = try TemporaryWardrobe()
            try TemporaryWardrobe.write([1], to: "outside.jpg", in: place.parent)
            let pictures = try place.folder.directory("items", createMode: 0o755)
                .directory("visualizations", createMode: 0o755)
            try TemporaryWardrobe.write([2], to: "p.jpg", in: pictures)
            try make(pictures)
            let failure = await failure { () throws(WardrobeFailure) in
                try await place.wardrobe().readPicture(StoredName(user: place.user, outfit: OutfitID("o")!)!)
            }
            #expect(failure?.code == .recordInvalid)
            #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "")")
            #expect(failure?.message.contains("visualizations/o.jpg") == true)
        }
    }

    @Test("a picture that a crash left half written is swept when it is old, one under way is not")
    func sweep() async throws {
        let place = try TemporaryWardrobe()
        let scratch = try place.folder.directory(".vizd", createMode: 0o755)
        for (name, age) in [("picture-old", 3_601), ("picture-new", 3_599)] as [(String, Int64)] {
            let file = try scratch.open(FileName(name), .create)
            try file.setModified(1_800_000_000_000_000_000 - age * 1_000_000_000)
        }
        let name = try #require(StoredName(user: place.user, outfit: OutfitID("o")!))
        _ = try await place.wardrobe().storePicture([1], for: name)
        #expect(try scratch.names() == ["picture-new"])
    }

    // MARK: The disk

    @Test(
        "a full disk is a pause, for pictures and for records, and the record stays whole",
        .enabled(if: Mount.isAllowed))
    func full() async throws {
        try await Mount.withDisk("1m") { disk in
            let place = try TemporaryWardrobe(under: disk)
            let text = TemporaryWardrobe.record((0..<2_000).map { "outfit-\($0)" })
            try place.write(text, to: "saved_outfits.json")
            let wardrobe = place.wardrobe()
            let name = try #require(StoredName(user: place.user, outfit: OutfitID("o")!))
            let filling = try place.folder.open("filling", .create)
            try filling.write(all: [UInt8](repeating: 1, count: 1 << 20 - 200_000))
            let large = [UInt8](repeating: 2, count: 600_000)
            let stored = await failure { () throws(WardrobeFailure) in try await wardrobe.storePicture(large, for: name)
            }
            let recorded = await failure { () throws(WardrobeFailure) in
                try await wardrobe.record(update("outfit-7", job: "j"), of: place.user)
            }
            #expect(stored?.answer == .pause)
            #expect(recorded?.answer == .pause)
            #expect(try place.read("saved_outfits.json") == text)
            try filling.setSize(0)
            try await wardrobe.record(update("outfit-7", job: "j"), of: place.user)
            #expect(try jobs(of: "outfit-7", in: place.read("saved_outfits.json")) == ["j"])
            #expect(try place.folder.directory(".vizd").names() == [])
        }
    }

    @Test("a disk that takes no writes fails the storing with what to do", .enabled(if: Mount.isAllowed))
    func readOnly() async throws {
        try await Mount.withDisk("1m") { disk in
            let place = try TemporaryWardrobe(under: disk)
            try place.write(TemporaryWardrobe.record(["o"]), to: "saved_outfits.json")
            #expect(Mount.run("/bin/mount", "-o", "remount,ro", disk))
            let wardrobe = place.wardrobe()
            let name = try #require(StoredName(user: place.user, outfit: OutfitID("o")!))
            let stored = await failure { () throws(WardrobeFailure) in try await wardrobe.storePicture([1], for: name) }
            let recorded = await failure { () throws(WardrobeFailure) in
                try await wardrobe.record(update("o", job: "j"), of: place.user)
            }
            for failure in [stored, recorded] {
                #expect(failure?.code == .storageFailed)
                #expect(failure?.answer == .fail)
                #expect(failure?.message.contains("mount the file system writable") == true)
            }
            #expect(Mount.run("/bin/mount", "-o", "remount,rw", disk))
        }
    }

    @Test("a root that is not there fails the reading with its path")
    func noRoot() async throws {
        let wardrobe = LocalWardrobe(root: "/nonexistent/wardrobe/", pool: BlockingPool(threads: 1), pace: .real)
        let failure = await failure { () throws(WardrobeFailure) in try await wardrobe.profile(of: UserID("u")!) }
        #expect(failure?.code == .storageFailed)
        #expect(failure?.message.contains("/nonexistent/wardrobe") == true)
    }
}

extension StoredPicture.Place {
    /// The file's path; of an object its address, which no file has.
    fileprivate var path: String {
        switch self {
        case .file(let path): path
        case .object(let uri): uri
        }
    }
}
