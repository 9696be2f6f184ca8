#pragma once
// A prompt with what follows it, as running text: the one place that decides whether a blank stands between them.

#include <cstddef>
#include <string>
#include <string_view>

namespace nepenthe::text {

struct JoinedText {
    std::string text;
    std::size_t prompt_end = 0;    // text[:prompt_end] is the prompt without blanks at its end
    std::size_t target_begin = 0;  // text[target_begin:] is the target without blanks before it; the text's end where
                                   // the target has nothing else
};

// Blanks at the prompt's end and before the target say nothing of their own: "is" + "Rome", "is " + "Rome" and "is" +
// " Rome" are one text. A line break among them is kept as it stands. Otherwise there is
// - nothing where the script has no blanks: between two characters of such scripts, and where one meets another script
//   if the line that the prompt ends sets them apart by nothing either ("首都は" + "Paris");
// - nothing behind an opening bracket, quotation mark or hyphen, and before closing ones, a comma or "'s", unless
//   prompt or target bring a blank;
// - nothing before the first character of all;
// - one space everywhere else.
// Both are valid UTF-8.
JoinedText join_texts(std::string_view prompt, std::string_view target);

// `text` without blanks at its end; a line break is no blank.
std::string_view without_end_blanks(std::string_view text);

}  // namespace nepenthe::text
