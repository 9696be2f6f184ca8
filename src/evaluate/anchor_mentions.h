#pragma once
// Which terms of a corpus a completion brings up by itself.

#include "unlearn/anchors/dictionary.h"
#include "unlearn/anchors/term_matcher.h"

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

class AnchorMentions {
  public:
    explicit AnchorMentions(unlearn::Dictionary dictionary);

    // Terms in the completion (whole words, the longest at each place, in any typography, as they are written, in Title
    // Case or in UPPER CASE, but not in lower case where they have capitals; plurals too) that do not occur in the
    // prompt, not even inside a word or in another casing. In order of first mention, each once.
    std::vector<std::string> new_terms(std::string_view prompt, std::string_view completion) const;

    // Of the dictionary and of the way in which terms are found.
    std::string digest() const;

  private:
    unlearn::Dictionary dictionary_;
    unlearn::TermMatcher matcher_;
};

}  // namespace nepenthe::evaluate
