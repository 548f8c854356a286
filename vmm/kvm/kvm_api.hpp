// <linux/kvm.h>, made right for C++.
#pragma once

// In C++ the header's flexible arrays hold an empty struct, which takes a byte: structures grow,
// and the numbers of ioctls that contain their sizes become wrong (EINVAL).
#include <linux/stddef.h>
#undef __DECLARE_FLEX_ARRAY
#define __DECLARE_FLEX_ARRAY(TYPE, NAME) TYPE NAME[0] // NOLINT: the header's own name
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#include <linux/kvm.h>
#pragma GCC diagnostic pop

static_assert(sizeof(kvm_cpuid2) == 8);
static_assert(sizeof(kvm_msrs) == 8);
