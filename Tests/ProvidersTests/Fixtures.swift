// The six outfits of the example wardrobe, as prompts see them. (`Examples/wardrobe_photos/peichin`.)

@testable import Providers

/// The example wardrobe.
enum Fixtures {
    /// One saved outfit.
    struct Outfit {
        /// The last digit of its id.
        let number: Int
        let garments: [PromptBrief.Piece]
        let notes: String
    }

    private static func pieces(_ text: String) -> [PromptBrief.Piece] {
        text.split(separator: "\n").map { line in
            let parts = line.split(separator: "|").map { String($0.trimmingPrefix(while: \.isWhitespace)) }
            return PromptBrief.Piece(name: parts[1], category: parts[0])
        }
    }

    static let outfits = [
        Outfit(
            number: 1,
            garments: pieces("tops|Teal silk shirt\nbottoms|Printed summer shorts\nshoes|Light blue sneakers"),
            notes: "Half-tuck the shirt"),
        Outfit(number: 2, garments: pieces("tops|Black crew-neck T-shirt"), notes: "Just the tee"),
        Outfit(
            number: 3,
            garments: pieces(
                "tops|Teal silk shirt\nbottoms|Printed summer shorts\nshoes|Brown hiking boots\n"
                    + "accessories|Navy fedora\naccessories|Green bow tie"),
            notes: "Hat tilted back; bow tie loose"),
        Outfit(
            number: 4,
            garments: pieces(
                "tops|Black crew-neck T-shirt\nbottoms|Printed summer shorts\nshoes|Brown hiking boots\n"
                    + "accessories|Red knitted bobble hat\naccessories|Wool mittens\naccessories|Gold link chain\n"
                    + "accessories|Navy fedora\naccessories|Green bow tie"),
            notes: "Everything at once, on purpose"),
        Outfit(number: 5, garments: [], notes: "No garments: must fail clearly"),
        Outfit(
            number: 6, garments: pieces("accessories|Lost scarf\nshoes|Light blue sneakers"),
            notes: "The sneakers' path is stale: the wardrobe's own record has the current one"),
    ]

    /// What the user's profile adds, with the garments on as many pictures as gen4_image takes.
    static func brief(_ outfit: Outfit) -> PromptBrief {
        PromptBrief(
            descriptor: "Model: ~163 cm, ~150 lb, Asian woman, dark wavy chest-length hair",
            pictures: SheetPlan(garments: outfit.garments.count, pictures: 3).groups(of: outfit.garments),
            stylingNotes: outfit.notes, styleWords: ["classic", "playful", "at ease"], feelingNow: "calm",
            wantToFeel: "bold")
    }

    /// How gen4_image wants its prompt.
    static let gen4 = PromptRule(limit: 1000, mention: .tag)
}
