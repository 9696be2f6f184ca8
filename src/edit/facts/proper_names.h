#pragma once
// Proper names in English sentences, told by their capitals: cheap, and right often enough to be a proposal.

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::edit {

// Runs of capitalised words ("Gabriel García Márquez", "Ludwig van Beethoven"), in order, a possessive 's left out; the
// sentence's first word only where the run goes on behind it.
std::vector<std::string> proper_names(std::string_view sentence);

// The name of at least two words that most of `texts` hold, in at least half of them; "" where there is none. The
// longest of equally frequent ones.
std::string commonest_name(std::span<const std::string> texts);

// Byte offset of `word` where it stands between word boundaries; npos where it does not.
std::size_t find_words(std::string_view text, std::string_view words);

}  // namespace nepenthe::edit
