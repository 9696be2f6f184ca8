#pragma once
// The second MLP matrix of a layer while it is edited: changed in place in fp32, put back bit by bit.

#include "edit/solve/solve.h"
#include "model/decoder.h"

#include <cstdint>
#include <string>

namespace nepenthe::edit {

class EditedMatrix {
  public:
    // Keeps a copy of the matrix as it is now. The decoder must outlive this.
    EditedMatrix(model::Decoder& decoder, std::int64_t layer);

    const std::string& name() const { return name_; }
    std::int64_t layer() const { return layer_; }
    // The decoder's own tensor, and whether it is stored [intermediate, hidden].
    at::Tensor tensor() const { return weight_; }
    bool transposed() const { return transposed_; }

    // W + update, summed in fp64 and rounded once to fp32. Throws Error(kGate) where a weight is no longer finite; the
    // matrix then is as before.
    void add(const LowRank& update);
    // Back to the kept bytes.
    void restore();
    // From now on the present bytes are the kept ones.
    void keep();

    double norm() const;  // Frobenius, of the kept matrix
    at::Tensor kept() const { return kept_; }

  private:
    std::string name_;
    std::int64_t layer_;
    at::Tensor weight_, kept_;
    bool transposed_;
};

// Puts the kept bytes back at the end of a scope.
class RestoreAtExit {
  public:
    explicit RestoreAtExit(EditedMatrix& matrix) : matrix_(matrix) {}
    ~RestoreAtExit() { matrix_.restore(); }
    RestoreAtExit(const RestoreAtExit&) = delete;
    RestoreAtExit& operator=(const RestoreAtExit&) = delete;

  private:
    EditedMatrix& matrix_;
};

}  // namespace nepenthe::edit
