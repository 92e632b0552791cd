// Ids and the places that they name.

import Testing

@testable import Wardrobe

@Suite("ids")
struct NamesTests {
    @Test("an id has to be fit for the name of a folder")
    func rule() {
        for text in ["a", "Pei Chin", "é日😀", String(repeating: "x", count: 128), "a.", "~", "-"] {
            #expect(UserID(text)?.text == text)
            #expect(OutfitID(text)?.text == text)
        }
        for text in [
            "", ".", "..", ".hidden", "a/b", "/", "a\0", "a\n", "\u{7F}", "\u{85}", String(repeating: "x", count: 129),
            String(repeating: "日", count: 67),
        ] {
            #expect(UserID(text) == nil, "\(text)")
            #expect(OutfitID(text) == nil, "\(text)")
        }
        #expect(OutfitID(job: String(repeating: "x", count: 200)) != nil)
        #expect(OutfitID(job: String(repeating: "x", count: 201)) == nil)
    }

    @Test("two spellings that Unicode calls the same are two users")
    func spelling() {
        #expect(UserID("caf\u{E9}") != UserID("cafe\u{301}"))
        #expect(Set([OutfitID("caf\u{E9}"), OutfitID("cafe\u{301}")]).count == 2)
        #expect(UserID("caf\u{E9}") == UserID("caf\u{E9}"))
    }

    @Test("a picture's name takes no view and no ending that could be a path")
    func pictures() {
        let user = UserID("u")!, outfit = OutfitID("o")!
        #expect(StoredName(user: user, outfit: outfit)?.path == "u/items/visualizations/o.jpg")
        #expect(StoredName(user: user, outfit: outfit, view: "a-1")?.path == "u/items/visualizations/views/o/a-1.jpg")
        for view in ["", "A", "a/b", "..", "a.b", String(repeating: "a", count: 33)] {
            #expect(StoredName(user: user, outfit: outfit, view: view) == nil)
        }
        for ending in ["", "JPG", "j/g", "..", "jpegjpegj"] {
            #expect(StoredName(user: user, outfit: outfit, fileExtension: ending) == nil)
        }
    }

    @Test("a view's file is told by its name")
    func viewFiles() {
        for name in ["a.jpg", "street-2.mp4", String(repeating: "x", count: 32) + ".jpg"] {
            #expect(StoredName.isView(name))
        }
        for name in [".jpg", "a.png", "A.jpg", "a", "jpg", "a.jpg.txt", "a/b.jpg", "é.jpg", ""] {
            #expect(!StoredName.isView(name), "\(name)")
        }
    }

    @Test("lines are handed out in the order of arrival and end when they are empty")
    func lines() {
        var lines = UserLines<Int>()
        let user = UserID("u")!
        let begins = [1, 2, 3].map { lines.add($0, for: user) }
        #expect(begins == [true, false, false])
        var taken = [lines.take(upTo: 2, for: user)]
        let beginsWhileServed = lines.add(4, for: user)
        #expect(!beginsWhileServed)
        for _ in 0..<2 { taken.append(lines.take(upTo: 2, for: user)) }
        #expect(taken == [[1, 2], [3, 4], []])
        #expect(lines.isEmpty)
        let beginsAnew = lines.add(5, for: user)
        #expect(beginsAnew)
    }

    @Test("patience ends after one second for a broken record and after ten for one that others hold")
    func patience() {
        for (trouble, limit) in [
            (.locked, 10), (.disturbed, 10), (.unreadable("x"), 1), (.missing, 1),
        ] as [(RewritePatience.Trouble, Int)] {
            var patience = RewritePatience()
            var waited: Duration = .zero
            while case .again(let wait) = patience.failed(trouble, chance: 0.5) {
                #expect(wait > .zero && wait <= .milliseconds(200))
                waited += wait
            }
            #expect(waited <= .seconds(limit))
            #expect(waited > .seconds(limit) - .milliseconds(200))
        }
    }
}
