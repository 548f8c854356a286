// One line of the report about a guest under KVM.
#pragma once

#include <twofold/abi/json_line.hpp>

#include <string>
#include <string_view>
#include <utility>

namespace twofold::vmm::kvm {

struct RecordText {
    std::string text;
    void operator()(std::string_view piece) { text += piece; }
};

/// What `write(line)` makes of a line, without its newline.
template <class Write>
std::string line_of(Write&& write) {
    RecordText text;
    {
        abi::JsonLine line{text};
        write(line);
    }
    text.text.pop_back();
    return std::move(text.text);
}

} // namespace twofold::vmm::kvm
