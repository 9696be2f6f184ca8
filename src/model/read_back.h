#pragma once
// A saved model, read back from the disk and held against memory, bit for bit.

#include "model/decoder.h"

#include <filesystem>

namespace nepenthe::model {

// Reads back what save_model (model/checkpoint_io.h) wrote: every tensor's bytes are those of memory, rounded once to
// the file's dtype, or the source's own where memory has not changed them; the side memory is the decoder's. `source`
// is empty for a model made from scratch. Throws Error(kGate) that lists every difference. Not collective.
void check_saved_model(const Decoder& decoder, const std::filesystem::path& source, const std::filesystem::path& saved);

}  // namespace nepenthe::model
