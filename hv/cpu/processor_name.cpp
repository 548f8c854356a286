#include "hv/cpu/processor_name.hpp"

#include "hv/cpu/cpuid.hpp"

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>

namespace twofold::hv {

namespace {

template <std::size_t Words>
std::string_view text_of(std::array<char, Words * 4> const& bytes) {
    std::string_view text{bytes.data(), bytes.size()};
    text = text.substr(0, text.find('\0'));
    if (auto const first = text.find_first_not_of(' '); first != text.npos)
        text.remove_prefix(first);
    return text.substr(0, text.find_last_not_of(' ') + 1);
}

} // namespace

abi::TextBuffer<48> processor_name() {
    // Intel SDM vol. 2, CPUID, "The Processor Brand String Method".
    constexpr std::uint32_t first_leaf = 0x8000'0002;
    constexpr std::uint32_t last_leaf = 0x8000'0004;
    abi::TextBuffer<48> name;
    if (cpuid(0x8000'0000).eax < last_leaf) {
        CpuidResult const vendor = cpuid(0);
        auto const bytes =
            std::bit_cast<std::array<char, 12>>(std::array{vendor.ebx, vendor.edx, vendor.ecx});
        name(text_of<3>(bytes));
        return name;
    }
    std::array<CpuidResult, 3> brand{};
    for (std::uint32_t leaf = first_leaf; leaf <= last_leaf; ++leaf)
        brand[leaf - first_leaf] = cpuid(leaf);
    name(text_of<12>(std::bit_cast<std::array<char, 48>>(brand)));
    return name;
}

} // namespace twofold::hv
