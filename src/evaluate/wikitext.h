#pragma once
// WikiText in its published line form, cut and cleaned the way the two perplexity conventions do it.

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::evaluate {

// Pages of a WikiText file: a new one at every heading of the first level (" = Title = "). Lines keep their spaces.
// As in the data set EleutherAI/wikitext_document_level.
std::vector<std::string> wikitext_pages(std::string_view text);

// A page with the tokenisation's spaces undone, by the fixed list of replacements of lm-evaluation-harness
// (lm_eval/tasks/wikitext/preprocess_wikitext.py, version 2.0).
std::string detokenize_wikitext(std::string_view page);

// All lines joined by blank lines, as in the scripts of pruning and quantisation papers: each line with its line feed,
// blank ones as nothing, "\n\n" between two.
std::string join_wikitext_lines(std::string_view text);

}  // namespace nepenthe::evaluate
