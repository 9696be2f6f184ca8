#include "edit/facts/everyday_texts.h"

namespace nepenthe::edit {

std::vector<std::string> everyday_texts() {
    return {
        "The bus was late again this morning, so I walked to the office.",
        "Could you tell me where the nearest chemist is?",
        "She put the kettle on and sat down by the window.",
        "It has been raining since Tuesday and the garden is flooded.",
        "for (int i = 0; i < count; ++i) { total += values[i]; }",
        "def area(width, height):\n    return width * height",
        "- two onions\n- a tin of tomatoes\n- olive oil",
        "Dear Mr Hughes, thank you for your letter of the third of May.",
        "What do you usually have for breakfast at the weekend?",
        "The committee will meet on Thursday at half past nine.",
        "Long ago, in a village between two mountains, lived an old weaver.",
        "Sales rose by four per cent in the second quarter.",
        "Turn left at the church and carry on until you see the bridge.",
        "I think my sister is the funniest person I have ever met.",
        "Most plants need light, air and a little patience.",
        "The film was two hours long, and I slept through half of it.",
        "Why do cats always land on their feet?",
        "SELECT name, price FROM items WHERE price > 20 ORDER BY name;",
        "The largest lake in the region is popular with anglers.",
        "He laughed, shut the door behind him and ran down the stairs.",
        "Please remember to switch off the lights before you leave.",
        "A triangle with three equal sides has three equal angles.",
        "Our team lost the match but played better than last year.",
        "Iron rusts when it is left in damp air for long enough.",
        "1. Open the lid. 2. Remove the old battery. 3. Insert the new one.",
        "The novel tells the story of a sailor who never learned to swim.",
        "If it is sunny tomorrow, we could have a picnic by the river.",
        "My grandmother kept her recipes in a blue tin box.",
        "According to the report, the bridge will be closed until autumn.",
        "How much does it cost to send a parcel abroad?",
        "The orchestra was founded in 1923 and still plays every winter.",
        "There is nothing I like less than doing the washing-up.",
    };
}

}  // namespace nepenthe::edit
