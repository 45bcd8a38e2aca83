# SPDX-License-Identifier: Apache-2.0
# Completion of mailmigctl for bash. The program itself knows its verbs, options and accounts.

_mailmigctl()
{
	local line=${COMP_LINE:0:COMP_POINT} cur='' word verb='' value='' program=$1
	local -a words=() globals=()

	# COMP_WORDS are cut at "@", which is in names of accounts: the line is cut at blanks here.
	read -ra words <<<"$line"
	if [[ $line != *[[:space:]] ]]; then
		cur=${words[-1]}
		unset 'words[-1]'
	fi

	for word in "${words[@]:1}"; do
		if [[ -n $value ]]; then
			[[ $value == --socket ]] && globals+=(--socket "$word")
			value=''
		elif [[ $word == --socket || $word == --config || $word == --lines || $word == -n ]]; then
			value=$word
		elif [[ $word == --socket=* ]]; then
			globals+=("$word")
		elif [[ $word != -* && -z $verb ]]; then
			verb=$word
		fi
	done

	if [[ $value == --lines || $value == -n ]]; then
		return # a number
	fi
	if [[ -n $value ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
	fi

	local what=accounts candidates
	if [[ $cur == -* ]]; then
		what=options
	elif [[ -z $verb || $verb == help ]]; then
		what=verbs
	fi
	candidates=$("$program" "${globals[@]}" ${verb:+"$verb"} --complete "$what" 2>/dev/null |
		cut -f 1)
	mapfile -t COMPREPLY < <(compgen -W "$candidates" -- "$cur")

	# What bash replaces begins after the last character it cuts words at.
	if [[ $cur == *@* && $COMP_WORDBREAKS == *@* ]]; then
		local i
		for i in "${!COMPREPLY[@]}"; do
			COMPREPLY[i]=${COMPREPLY[i]#"${cur%"${cur##*@}"}"}
		done
	fi
}

complete -F _mailmigctl mailmigctl
