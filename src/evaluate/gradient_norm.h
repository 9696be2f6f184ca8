#pragma once
// How far one text would move a model that is trained on it: small where the text is known already.

#include "evaluate/likelihood_request.h"
#include "model/decoder.h"

namespace nepenthe::evaluate {

// Mean over all weight tensors (a tied unembedding is its embedding) of the Euclidean norm of the gradient of the mean
// negative log-likelihood of pair.ids[pair.context:]: open-unlearning's mia_gradnorm. Holds one gradient of all
// weights. A side memory's own tensors do not count.
double gradient_norm(const model::Decoder& decoder, const EncodedPair& pair);

}  // namespace nepenthe::evaluate
