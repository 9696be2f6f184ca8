#pragma once
// Work that is done here by one rank, or dealt to all ranks and gathered: the same bits either way.

#include "dist/comm.h"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nepenthe::edit {

inline constexpr std::int64_t kRowsPerBlock = 64;

// Rows [first, first + count) of a matrix: [count, columns] fp64.
using RowBlock = std::function<at::Tensor(std::int64_t first, std::int64_t count)>;
// Result of item i as bytes; no collectives.
using ItemWork = std::function<std::string(std::uint64_t item)>;

class Dealing {
  public:
    // This rank does everything. Not collective.
    static Dealing here() { return Dealing(nullptr); }
    // The members below are collective over `comm`, which must outlive this.
    static Dealing over(const dist::Comm& comm) { return Dealing(&comm); }

    // All `rows` rows of a matrix, computed in fixed blocks of kRowsPerBlock: [rows, columns] fp64.
    at::Tensor rows(std::int64_t rows, const RowBlock& block) const;
    // Results of all items, by item.
    std::vector<std::string> items(const std::string& label, std::uint64_t count, const ItemWork& work) const;
    // Throws Error(kInternal) where ranks hold different bytes.
    void check_same(const at::Tensor& tensor, const std::string& what) const;

  private:
    explicit Dealing(const dist::Comm* comm) : comm_(comm) {}
    bool alone() const { return comm_ == nullptr || comm_->size() == 1; }

    const dist::Comm* comm_;
};

}  // namespace nepenthe::edit
