// Tokenizers as published, on published texts.
#include "tokenizations.h"

namespace nepenthe::text {
namespace {

INSTANTIATE_TEST_SUITE_P(All, Tokenizations,
                         ::testing::Values("gpt2", "gpt-neox", "llama2", "llama2-published", "llama3", "qwen2",
                                           "tinystories"),
                         case_of);

}  // namespace
}  // namespace nepenthe::text
