// The guest's console, and typed printing to it.
#pragma once

#include <twofold/abi/json_line.hpp>
#include <twofold/abi/text.hpp>
#include <twofold/arch/page_size.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>

namespace twofold::guest {

/// Writes `text` to the first serial port. Natively each byte waits for the port; under the
/// hypervisor one REP OUTSB carries all of it, since every access to the port costs an exit; under
/// KVM, where that costs an exit a byte, a hypercall does.
void write_console(std::string_view text);

using Line = abi::TextBuffer<1024>;

inline void put(Line& line, std::string_view text) { line(text); }
/// A literal's length is known without looking for its end.
template <std::size_t N>
void put(Line& line, char const (&text)[N]) {
    line.append<N - 1>(text);
}
inline void put(Line& line, char c) { line.append<1>(&c); }
inline void put(Line& line, std::unsigned_integral auto value) { abi::put_decimal(line, value); }
inline void put(Line& line, std::signed_integral auto value) {
    if (value < 0) line("-");
    auto const magnitude = static_cast<std::uint64_t>(value);
    abi::put_decimal(line, value < 0 ? 0 - magnitude : magnitude);
}
inline void put(Line& line, abi::Hex number) { abi::put_hexadecimal(line, number.value); }
/// As the command names sizes: 4K, 2M, 1G.
void put(Line& line, PageSize size);

/// Adds text, characters, whole numbers, abi::hex(number or address), page sizes, one after
/// another. What exceeds 1024 bytes is dropped.
template <class... Pieces>
void put_all(Line& line, Pieces const&... pieces) {
    (put(line, pieces), ...);
}
template <class... Pieces>
void print(Pieces const&... pieces) {
    Line line;
    put_all(line, pieces...);
    write_console(line.text());
}

} // namespace twofold::guest
