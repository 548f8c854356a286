#include "debug/gdb_registers.hpp"

#include "debug/gdb_packet.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <span>
#include <vector>

namespace twofold::vmm {

namespace {

/// A register of the description. `offset` is its place in DebugRegisters; none: not told.
struct GdbRegister {
    std::string_view name;
    unsigned bits;
    std::string_view type;
    std::optional<std::size_t> offset;
    std::string_view feature;
};

constexpr std::string_view core_feature = "org.gnu.gdb.i386.core";
constexpr std::string_view segments_feature = "org.gnu.gdb.i386.segments";
constexpr std::string_view system_feature = "twofold.system";

void add_core(std::vector<GdbRegister>& to) {
    constexpr std::array general{"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",
                                 "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
    for (std::size_t i = 0; i < general.size(); ++i) {
        bool const pointer = i == 6 || i == 7;
        to.push_back({general[i], 64, pointer ? "data_ptr" : "int64",
                      offsetof(DebugRegisters, general) + 8 * i, core_feature});
    }
    to.push_back({"rip", 64, "code_ptr", offsetof(DebugRegisters, rip), core_feature});
    to.push_back({"eflags", 32, "i386_eflags", offsetof(DebugRegisters, eflags), core_feature});
    constexpr std::array selectors{"cs", "ss", "ds", "es", "fs", "gs"};
    for (std::size_t i = 0; i < selectors.size(); ++i) {
        to.push_back(
            {selectors[i], 32, "int32", offsetof(DebugRegisters, selectors) + 4 * i, core_feature});
    }
}

/// GDB wants the x87 unit's registers to be in the core feature; targets do not tell them.
void add_x87(std::vector<GdbRegister>& to) {
    for (char const* const name : {"st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7"})
        to.push_back({name, 80, "i387_ext", std::nullopt, core_feature});
    for (char const* const name :
         {"fctrl", "fstat", "ftag", "fiseg", "fioff", "foseg", "fooff", "fop"})
        to.push_back({name, 32, "int", std::nullopt, core_feature});
}

std::vector<GdbRegister> make_gdb_registers() {
    std::vector<GdbRegister> all;
    add_core(all);
    add_x87(all);
    all.push_back({"fs_base", 64, "int64", offsetof(DebugRegisters, fs_base), segments_feature});
    all.push_back({"gs_base", 64, "int64", offsetof(DebugRegisters, gs_base), segments_feature});
    all.push_back({"cr0", 64, "int64", offsetof(DebugRegisters, cr0), system_feature});
    all.push_back({"cr2", 64, "int64", offsetof(DebugRegisters, cr2), system_feature});
    all.push_back({"cr3", 64, "int64", offsetof(DebugRegisters, cr3), system_feature});
    all.push_back({"cr4", 64, "int64", offsetof(DebugRegisters, cr4), system_feature});
    all.push_back({"efer", 64, "int64", offsetof(DebugRegisters, efer), system_feature});
    return all;
}

std::vector<GdbRegister> const& all_gdb_registers() {
    static std::vector<GdbRegister> const all = make_gdb_registers();
    return all;
}

/// A type that GDB does not know by itself.
constexpr std::string_view eflags_type =
    R"(<flags id="i386_eflags" size="4"><field name="CF" start="0" end="0"/><field name="PF" start="2" end="2"/><field name="AF" start="4" end="4"/><field name="ZF" start="6" end="6"/><field name="SF" start="7" end="7"/><field name="TF" start="8" end="8"/><field name="IF" start="9" end="9"/><field name="DF" start="10" end="10"/><field name="OF" start="11" end="11"/></flags>)";

std::string make_target_description() {
    std::string xml = "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
                      "<target version=\"1.0\">\n<architecture>i386:x86-64</architecture>\n";
    std::string_view feature;
    for (GdbRegister const& reg : all_gdb_registers()) {
        if (reg.feature != feature) {
            if (!feature.empty()) xml += "</feature>\n";
            feature = reg.feature;
            fmt::format_to(std::back_inserter(xml), "<feature name=\"{}\">\n", feature);
            if (feature == core_feature) xml += eflags_type;
        }
        fmt::format_to(std::back_inserter(xml), "<reg name=\"{}\" bitsize=\"{}\" type=\"{}\"/>\n",
                       reg.name, reg.bits, reg.type);
    }
    return xml + "</feature>\n</target>\n";
}

} // namespace

std::size_t gdb_register_count() { return all_gdb_registers().size(); }

std::size_t gdb_register_digits(std::size_t number) { return all_gdb_registers()[number].bits / 4; }

std::string gdb_register_value(DebugRegisters const& registers, std::size_t number) {
    GdbRegister const& reg = all_gdb_registers()[number];
    if (!reg.offset) return std::string(gdb_register_digits(number), 'x');
    return to_hex(std::as_bytes(std::span{&registers, 1}).subspan(*reg.offset, reg.bits / 8));
}

bool set_gdb_register(DebugRegisters& registers, std::size_t number, std::string_view hex) {
    GdbRegister const& reg = all_gdb_registers()[number];
    if (hex.size() != gdb_register_digits(number)) return false;
    if (!reg.offset) return true;
    std::string bytes;
    if (!append_from_hex(hex, bytes)) return false;
    std::memcpy(std::as_writable_bytes(std::span{&registers, 1}).subspan(*reg.offset).data(),
                bytes.data(), bytes.size());
    return true;
}

std::string gdb_all_registers(DebugRegisters const& registers) {
    std::string all;
    for (std::size_t number = 0; number < gdb_register_count(); ++number)
        all += gdb_register_value(registers, number);
    return all;
}

bool set_all_gdb_registers(DebugRegisters& registers, std::string_view hex) {
    for (std::size_t number = 0; number < gdb_register_count(); ++number) {
        std::size_t const digits = gdb_register_digits(number);
        if (hex.size() < digits || !set_gdb_register(registers, number, hex.substr(0, digits)))
            return false;
        hex.remove_prefix(digits);
    }
    return hex.empty();
}

std::string const& gdb_target_description() {
    static std::string const description = make_target_description();
    return description;
}

} // namespace twofold::vmm
