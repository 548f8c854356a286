// The VMX instructions (Intel SDM vol. 3, "VMX Instruction Reference").
#pragma once

#include <twofold/arch/address.hpp>
#include <twofold/arch/vmcs_field.hpp>

#include <cstdint>
#include <type_traits>

namespace twofold::hv {

/// The value that a field of each enumeration has.
template <class Field>
struct VmcsValue;
template <>
struct VmcsValue<VmcsField16> {
    using type = std::uint16_t;
};
template <>
struct VmcsValue<VmcsField32> {
    using type = std::uint32_t;
};
template <>
struct VmcsValue<VmcsField64> {
    using type = std::uint64_t;
};
template <>
struct VmcsValue<VmcsFieldNatural> {
    using type = std::uint64_t;
};

/// A field of the current VMCS. Fields that the processor does not have must not be asked for.
template <class Field>
inline typename VmcsValue<Field>::type read_vmcs(Field field) {
    std::uint64_t value;
    asm volatile("vmread %1, %0" : "=r"(value) : "r"(static_cast<std::uint64_t>(field)) : "cc");
    return static_cast<typename VmcsValue<Field>::type>(value);
}

template <class Field>
inline void write_vmcs(Field field, std::type_identity_t<typename VmcsValue<Field>::type> value) {
    asm volatile("vmwrite %1, %0"
                 :
                 : "r"(static_cast<std::uint64_t>(field)), "r"(static_cast<std::uint64_t>(value))
                 : "cc", "memory");
}

/// False when the instruction failed (VMfailInvalid or VMfailValid).
inline bool vmxon(Hpa region) {
    bool failed;
    std::uint64_t const operand = region.value();
    asm volatile("vmxon %1" : "=@ccbe"(failed) : "m"(operand) : "memory");
    return !failed;
}
inline bool vmclear(Hpa region) {
    bool failed;
    std::uint64_t const operand = region.value();
    asm volatile("vmclear %1" : "=@ccbe"(failed) : "m"(operand) : "memory");
    return !failed;
}
inline bool vmptrld(Hpa region) {
    bool failed;
    std::uint64_t const operand = region.value();
    asm volatile("vmptrld %1" : "=@ccbe"(failed) : "m"(operand) : "memory");
    return !failed;
}

} // namespace twofold::hv
