#include "engine/line_splitter.hpp"

namespace twofold::vmm {

void LineSplitter::feed(std::string_view bytes) {
    while (!bytes.empty()) {
        std::size_t const end = bytes.find('\n');
        partial_ += bytes.substr(0, end);
        if (end == std::string_view::npos && partial_.size() < longest_) return;
        bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
        sink_(partial_);
        partial_.clear();
    }
}

void LineSplitter::finish() {
    if (partial_.empty()) return;
    sink_(partial_);
    partial_.clear();
}

} // namespace twofold::vmm
