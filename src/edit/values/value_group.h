#pragma once
// Rows of much the same length behind the subject, side by side: aligned at the subject's last token, with what stands
// before it in a frozen key-value cache that every step continues.

#include "edit/values/value.h"
#include "model/decoder.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace nepenthe::edit {

// One row of a batch of values.
struct ValueRow {
    const EditRow* text = nullptr;
    std::int64_t fact = 0;  // index in the batch
    bool bare = false;      // the fact's first row
    bool held = false;      // "{} is a": only its subject's last token counts

    // Positions from the subject's last token on.
    std::int64_t suffix() const;
    // The first supervised one of them, and how many there are.
    std::int64_t first_supervised() const;
    std::int64_t supervised() const { return held ? 1 : static_cast<std::int64_t>(text->targets.size()); }
};

// Cuts rows (any order) into groups so that padding and the cost of small groups balance.
std::vector<std::vector<ValueRow>> group_by_suffix(std::vector<ValueRow> rows);

class ValueGroup {
  public:
    ValueGroup(const model::Decoder& decoder, std::vector<ValueRow> rows, ValueSite site, std::int64_t layer);
    ValueGroup(const ValueGroup&) = delete;
    ValueGroup& operator=(const ValueGroup&) = delete;

    const std::vector<ValueRow>& rows() const { return rows_; }
    // [row, hidden]: what stands at the site, before any delta.
    const at::Tensor& site_states() const { return site_states_; }
    // States before the final norm at the supervised positions, row by row: [position, hidden]. `delta` is [fact,
    // hidden] fp32; with autograd on, written() is the leaf that the result hangs on.
    at::Tensor forward(const at::Tensor& delta);
    // [row, hidden]: what stood at the site in the last forward.
    const at::Tensor& written() const { return written_; }
    // Leaves the rows which[i] alone; their facts become new_facts[old fact].
    void keep(const std::vector<std::int64_t>& which, const std::vector<std::int64_t>& new_facts);

  private:
    void fill_cache();
    void compute_below();
    void place_supervised();

    const model::Decoder& decoder_;
    std::vector<ValueRow> rows_;
    ValueSite site_;
    std::int64_t layer_;
    model::KvCache cache_;
    model::Batch suffix_;
    model::Context context_;
    at::Tensor site_states_;  // [row, hidden]
    at::Tensor stream_;       // [row, 1, hidden]: residual stream after attention at the site's position
    at::Tensor rest_;         // [row, position - 1, hidden]: the edited block's output behind the subject
    at::Tensor fact_of_row_;  // [row]
    at::Tensor supervised_;   // places in [row · position]
    at::Tensor written_;
};

}  // namespace nepenthe::edit
