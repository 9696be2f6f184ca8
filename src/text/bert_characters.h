#pragma once
// Classes of characters as BERT's tokenizer sees them in the `tokenizers` package, whose tables are those of Unicode 8.

namespace nepenthe::text {

// Dropped: controls, format and private-use characters, NUL, U+FFFD. Tab and line ends are white space.
bool is_bert_control(char32_t code_point);
// Becomes a space.
bool is_bert_space(char32_t code_point);
// Stands alone.
bool is_bert_punctuation(char32_t code_point);
// A combining mark that is dropped with the accents.
bool is_bert_accent(char32_t code_point);
// An ideograph of the blocks that get spaces around them.
bool is_bert_ideograph(char32_t code_point);

}  // namespace nepenthe::text
