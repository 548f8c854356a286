// The functions that compilers and the standard library's headers call for themselves in
// freestanding code. By string instructions: vector registers belong to the guests.
#include <cstddef>
#include <cstdint>

extern "C" {

void* memcpy(void* to, void const* from, std::size_t bytes) {
    void* const result = to;
    std::size_t words = bytes / 8;
    std::size_t rest = bytes % 8;
    asm volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    return result;
}

void* memmove(void* to, void const* from, std::size_t bytes) {
    if (reinterpret_cast<std::uintptr_t>(to) - reinterpret_cast<std::uintptr_t>(from) >= bytes)
        return memcpy(to, from, bytes);
    auto* last_to = static_cast<std::byte*>(to) + bytes - 1;
    auto* last_from = static_cast<std::byte const*>(from) + bytes - 1;
    asm volatile("std; rep movsb; cld" : "+D"(last_to), "+S"(last_from), "+c"(bytes) : : "memory");
    return to;
}

void* memset(void* to, int value, std::size_t bytes) {
    void* const result = to;
    std::uint64_t const pattern =
        static_cast<std::uint8_t>(value) * std::uint64_t{0x0101'0101'0101'0101};
    std::size_t words = bytes / 8;
    std::size_t rest = bytes % 8;
    asm volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
    asm volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
    return result;
}

int memcmp(void const* left, void const* right, std::size_t bytes) {
    auto const* a = static_cast<std::uint8_t const*>(left);
    auto const* b = static_cast<std::uint8_t const*>(right);
    for (std::size_t i = 0; i < bytes; ++i) {
        if (a[i] != b[i]) return a[i] < b[i] ? -1 : 1;
    }
    return 0;
}

void* memchr(void const* text, int byte, std::size_t bytes) {
    if (bytes == 0) return nullptr;
    bool found = false;
    asm volatile("repne scasb"
                 : "+D"(text), "+c"(bytes), "=@ccz"(found)
                 : "a"(static_cast<std::uint8_t>(byte))
                 : "memory");
    // The processor has gone one byte further.
    return found ? const_cast<std::uint8_t*>(static_cast<std::uint8_t const*>(text) - 1) : nullptr;
}

std::size_t strlen(char const* text) {
    std::size_t length = 0;
    while (text[length] != '\0')
        ++length;
    return length;
}
}
